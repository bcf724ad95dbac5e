"""The command line's `evaluate`, `table` and `listen`: their arguments, and what they do with them.

Loads torch only when one of them runs. Raises EngineError with a sentence for the player.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.api import EngineError
from engine.files import paths
from engine.process.generator_protocol import Generator

PRESETS = paths.PRESETS / "training"
FEW_RECORDINGS, MANY_RECORDINGS = 2, 12
"""So many of each kind."""
PAIRS = 30
"""Of a blind test."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the command line has at hand: models by name, a loader, where to say what goes on.

    `models` is the folder whose models the app lists.
    """

    find: Callable[[str], Path]
    load: Callable[[Path, str], Generator]
    show: Callable[[str], None]
    models: Path


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The arguments of `evaluate`."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a name or a model's folder; MODEL@STEPS takes so many steps",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: runs/evaluation")
    parser.add_argument(
        "--prompts",
        type=int,
        help="how many held-out prompts, default 200; with --kinds of each kind, default 12",
    )
    parser.add_argument("--repeats", type=int, default=1, help="runs with other seeds, for spread")
    parser.add_argument("--quick", action="store_true", help="24 prompts: to see that it works")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE.md",
        help="write the figures (and the first model's card) between the marks of a page, too",
    )
    parser.add_argument(
        "--embedder",
        default="auto",
        help="auto, none, clap (LAION-CLAP, if it is on this computer), or an embedder's folder",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--codec",
        action="store_true",
        help="measure the models' autoencoders instead, beside Opus; codec runs' folders will do",
    )
    instead.add_argument(
        "--recordings",
        action="store_true",
        help="measure instead what is left of hums and beats in what is made from them",
    )
    instead.add_argument(
        "--kinds",
        action="store_true",
        help="measure instead kind by kind what becomes of held-out captions and of a bare name",
    )


def evaluate(given: argparse.Namespace, around: Surroundings) -> str:
    """Measure models, write the report, and return what to print."""
    if given.codec:
        return _evaluate_codecs(given, around)
    if given.recordings:
        return _evaluate_recordings(given, around)
    if given.kinds:
        return _evaluate_kinds(given, around)
    from engine.evaluation.references.embedders import load_embedder
    from engine.evaluation.reports.model_page import write_measured
    from engine.evaluation.reports.report import as_json, write_results
    from engine.evaluation.reports.table import text_tables
    from engine.evaluation.runs.evaluate import evaluate as measure_models
    from engine.evaluation.runs.evaluate import size_of
    from engine.evaluation.runs.making import parse_contestant
    from engine.hardware.device import choose_device

    contestants = [parse_contestant(text, around.find) for text in given.models]
    size = size_of(given.quick, given.prompts, given.repeats)
    device = choose_device(given.device)
    embedder = load_embedder(given.embedder, device)
    found = measure_models(contestants, embedder, size, around.load, device, around.show)
    paths = write_results(found, given.out or Path("runs") / "evaluation")
    if given.page is not None:
        paths.append(write_measured(given.page, contestants[0].folder, found))
    around.show("written: " + ", ".join(map(str, paths)))
    return as_json(found) if given.json else text_tables(found.rows)


def _evaluate_codecs(given: argparse.Namespace, around: Surroundings) -> str:
    """Measure autoencoders, write codecs.json, and return what to print."""
    from engine.evaluation.references.opus import find_opus
    from engine.evaluation.runs.codec_comparison import (
        codec_json,
        codec_table,
        compare_codecs,
        write_codecs,
    )
    from engine.evaluation.runs.evaluate import size_of

    folders = [around.find(text) for text in given.models]
    sounds = size_of(given.quick, given.prompts).prompts
    rows = compare_codecs(folders, sounds, around.show, find_opus())
    path = write_codecs(rows, given.out or Path("runs") / "evaluation")
    around.show(f"written: {path}")
    return codec_json(rows) if given.json else codec_table(rows)


def _evaluate_recordings(given: argparse.Namespace, around: Surroundings) -> str:
    """Measure what recordings become, write recordings.json, and return what to print."""
    from engine.evaluation.runs import restyling
    from engine.evaluation.runs.making import parse_contestant
    from engine.hardware.device import choose_device

    contestants = [parse_contestant(text, around.find) for text in given.models]
    of_each = FEW_RECORDINGS if given.quick else MANY_RECORDINGS
    device = choose_device(given.device)
    rows = restyling.compare_recordings(contestants, of_each, around.load, device, around.show)
    path = restyling.write_likeness(rows, given.out or Path("runs") / "evaluation")
    around.show(f"written: {path}")
    return restyling.likeness_json(rows) if given.json else restyling.likeness_table(rows)


def _evaluate_kinds(given: argparse.Namespace, around: Surroundings) -> str:
    """Go through every kind of sound, write kinds.json, and return what to print."""
    from engine.evaluation.reports import kind_table
    from engine.evaluation.reports.model_page import KINDS, write_between
    from engine.evaluation.runs.kind_figures import compare_kinds, kinds_size
    from engine.evaluation.runs.making import parse_contestant
    from engine.hardware.device import choose_device

    contestants = [parse_contestant(text, around.find) for text in given.models]
    size = kinds_size(given.quick, given.prompts)
    device = choose_device(given.device)
    found = compare_kinds(contestants, size, around.load, device, around.show)
    paths = [kind_table.write_kinds(found, given.out or Path("runs") / "evaluation")]
    if given.page is not None:
        paths.append(write_between(given.page, KINDS, kind_table.kinds_page(found)))
    around.show("written: " + ", ".join(map(str, paths)))
    return kind_table.kinds_json(found) if given.json else kind_table.kinds_table(found)


def add_table(parser: argparse.ArgumentParser) -> None:
    """The arguments of `table`."""
    parser.add_argument("config", type=Path, nargs="?", help="default: presets/training/table.toml")
    parser.add_argument("--quick", action="store_true", help="presets/training/quick.toml: minutes")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="default: runs/NAME-OF-CONFIG")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.md", help="default: results.md in the run's folder"
    )
    parser.add_argument("--embedder", help="as for evaluate, instead of training one")
    parser.add_argument("--keep", metavar="NAME", help="leave the ARC model where the app lists it")
    parser.add_argument("--device", default="auto", help="of the measuring: auto, cpu, cuda or mps")


def table(given: argparse.Namespace, around: Surroundings) -> str:
    """Train and measure what is missing of the paper's table; return what to print."""
    if given.quick and given.config:
        raise EngineError("--quick names its own config: leave one of the two out")
    config = given.config or PRESETS / ("quick.toml" if given.quick else "table.toml")
    kept = _free_folder(around.models, given.keep) if given.keep is not None else None
    from engine.evaluation.reports.table import text_tables
    from engine.experiments.plan import read_plan
    from engine.experiments.results import write_table
    from engine.experiments.table import PaperRun

    run = given.run or Path("runs") / config.stem
    plan = read_plan(config, given.embedder)
    paper = PaperRun(plan, run, around.load, given.device, around.show)
    found = paper.table()
    paths = write_table(found, given.report or run / "results.md")
    if kept is not None:
        paper.keep(kept, given.keep)
        paths.append(kept)
    around.show("written: " + ", ".join(map(str, paths)))
    return text_tables([*found.references, *(row.named for row in found.rows)])


def _free_folder(models: Path, name: str) -> Path:
    """Where a model of that name goes; hours later would be late to say that it cannot."""
    if not name.strip() or Path(name).name != name:
        raise EngineError(f'"{name}" cannot be a model\'s name: choose another with --keep')
    if (models / name).exists():
        raise EngineError(f'there is a model "{name}" already: choose another name with --keep')
    return models / name


def add_listen(parser: argparse.ArgumentParser) -> None:
    """The arguments of `listen`."""
    parser.add_argument(
        "models",
        nargs="*",
        default=[f"embedded@{steps}" for steps in (8, 4, 2, 1)],
        metavar="[LABEL=]MODEL",
        help="as for evaluate; default: the embedded model in 8, 4, 2 and 1 steps",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="default: docs/listening; runs/blind with --blind",
    )
    parser.add_argument("--quick", action="store_true", help="one row a chapter")
    parser.add_argument(
        "--blind",
        type=int,
        nargs="?",
        const=PAIRS,
        metavar="PAIRS",
        help="instead, pairs of a real and a made sound in an order drawn by chance, which a key "
        f"beside the page tells; by the first model; {PAIRS} unless said otherwise",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def listen(given: argparse.Namespace, around: Surroundings) -> str:
    """Make the listening page and return where it lies."""
    from engine.evaluation.reports.listening_page import About, write_listening
    from engine.evaluation.runs.evaluate import conditions_of
    from engine.evaluation.runs.listening import chapters, parse_method
    from engine.hardware.device import choose_device

    methods = [parse_method(text, around.find) for text in given.models]
    device = choose_device(given.device)
    conditions = conditions_of(device, "")
    about = About(conditions.made, conditions.machine, _listen_command(given))
    if given.blind is not None:
        from engine.evaluation.runs.blind_test import blind_test, write_blind_test

        test = blind_test(methods[0], given.blind, around.load, device, Random())
        return str(write_blind_test(test, about, given.out or Path("runs") / "blind"))
    found = chapters(methods, around.load, device, around.show, given.quick)
    return str(write_listening(found, about, given.out or Path("docs") / "listening"))


def _listen_command(given: argparse.Namespace) -> str:
    """The command as it can be given again, without the folders of this computer."""
    how = ["--quick"] if given.quick else []
    if given.blind is not None:
        how = ["--blind", str(given.blind)]
    models = given.models if given.blind is None else given.models[:1]
    return shlex.join(["python", "main.py", "listen", *map(_without_root, models), *how])


def _without_root(model: str) -> str:
    """A model's name, or its folder as seen from here."""
    label, named, rest = model.partition("=")
    if not named:
        label, rest = "", model
    return label + named + (os.path.relpath(rest) if Path(rest).is_absolute() else rest)
