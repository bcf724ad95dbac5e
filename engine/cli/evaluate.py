"""`evaluate`: measures models against real sounds. Imports torch with the run."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from engine.cli.context import DONE, CommandContext, add_device_argument, show_line

FOLDER = Path("runs") / "evaluation"
FEW_RECORDINGS, MANY_RECORDINGS = 2, 12
"""Recordings of each kind."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `evaluate`; at most one of `codec`, `recordings`, `kinds` and `gates`.

    `sources` is the folder of real sounds that gates hear too.
    """

    models: list[str]
    out: Path | None
    prompts: int | None
    repeats: int
    quick: bool
    json: bool
    page: Path | None
    embedder: str
    device: str
    codec: bool
    recordings: bool
    kinds: bool
    gates: bool = False
    sources: Path | None = None


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
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
    add_device_argument(parser)
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
    instead.add_argument(
        "--gates",
        action="store_true",
        help="judge instead what autoencoders spoil, before a flow is trained on them; as --codec",
    )
    parser.add_argument(
        "--sources",
        type=Path,
        metavar="FOLDER",
        help="of --gates: where `corpus` has put real sounds, of which those held out are heard",
    )


def run(arguments: Arguments, context: CommandContext) -> int:
    """Measure models, write the results and print them."""
    if arguments.codec:
        text = _evaluate_codecs(arguments, context)
    elif arguments.recordings:
        text = _evaluate_recordings(arguments, context)
    elif arguments.gates:
        text = _evaluate_gates(arguments, context)
    elif arguments.kinds:
        text = _evaluate_kinds(arguments, context)
    else:
        text = _evaluate_models(arguments, context)
    print(text)
    return DONE


def _evaluate_models(arguments: Arguments, context: CommandContext) -> str:
    """Measure models, write the report, and return what to print."""
    from engine.evaluation.references.embedders import load_embedder
    from engine.evaluation.reports.model_page import write_measured
    from engine.evaluation.reports.report import as_json, write_results
    from engine.evaluation.reports.table import format_tables
    from engine.evaluation.runs.evaluate import choose_size, evaluate
    from engine.evaluation.runs.sampling import parse_candidate
    from engine.hardware.device import choose_device

    candidates = [parse_candidate(text, context.find_model) for text in arguments.models]
    size = choose_size(arguments.quick, arguments.prompts, arguments.repeats)
    device = choose_device(arguments.device)
    embedder = load_embedder(arguments.embedder, device)
    found = evaluate(candidates, embedder, size, context.load, device, show_line)
    paths = write_results(found, arguments.out or FOLDER)
    if arguments.page is not None:
        paths.append(write_measured(arguments.page, candidates[0].folder, found))
    show_line("written: " + ", ".join(map(str, paths)))
    return as_json(found) if arguments.json else format_tables(found.rows)


def _evaluate_codecs(arguments: Arguments, context: CommandContext) -> str:
    """Measure autoencoders, write codecs.json, and return what to print."""
    from engine.evaluation.references.opus import find_opus
    from engine.evaluation.reports.codec_table import (
        codecs_as_json,
        format_codec_table,
        write_codecs,
    )
    from engine.evaluation.runs.codec_comparison import compare_codecs
    from engine.evaluation.runs.evaluate import choose_size

    folders = [context.find_model(text) for text in arguments.models]
    sounds = choose_size(arguments.quick, arguments.prompts).prompts
    rows = compare_codecs(folders, sounds, show_line, find_opus())
    path = write_codecs(rows, arguments.out or FOLDER)
    show_line(f"written: {path}")
    return codecs_as_json(rows) if arguments.json else format_codec_table(rows)


def _evaluate_gates(arguments: Arguments, context: CommandContext) -> str:
    """Judge autoencoders and return a line for each."""
    from engine.evaluation.runs.codec_gates import COUNT, gate_line, measure_gates

    folders = [context.find_model(text) for text in arguments.models]
    count = 8 if arguments.quick else arguments.prompts or COUNT
    found = measure_gates(folders, arguments.sources, show_line, count)
    return "\n".join(map(gate_line, found))


def _evaluate_recordings(arguments: Arguments, context: CommandContext) -> str:
    """Measure sounds made from recordings, write recordings.json, and return what to print."""
    from engine.evaluation.reports import likeness_table
    from engine.evaluation.runs.restyling import compare_recordings
    from engine.evaluation.runs.sampling import parse_candidate
    from engine.hardware.device import choose_device

    candidates = [parse_candidate(text, context.find_model) for text in arguments.models]
    of_each = FEW_RECORDINGS if arguments.quick else MANY_RECORDINGS
    device = choose_device(arguments.device)
    rows = compare_recordings(candidates, of_each, context.load, device, show_line)
    path = likeness_table.write_likeness(rows, arguments.out or FOLDER)
    show_line(f"written: {path}")
    if arguments.json:
        return likeness_table.likeness_as_json(rows)
    return likeness_table.format_likeness(rows)


def _evaluate_kinds(arguments: Arguments, context: CommandContext) -> str:
    """Measure every kind of sound, write kinds.json, and return what to print."""
    from engine.evaluation.reports import kind_table
    from engine.evaluation.reports.model_page import KINDS, write_between
    from engine.evaluation.runs.kind_figures import choose_kinds_size, compare_kinds
    from engine.evaluation.runs.sampling import parse_candidate
    from engine.hardware.device import choose_device

    candidates = [parse_candidate(text, context.find_model) for text in arguments.models]
    size = choose_kinds_size(arguments.quick, arguments.prompts)
    device = choose_device(arguments.device)
    found = compare_kinds(candidates, size, context.load, device, show_line)
    paths = [kind_table.write_kinds(found, arguments.out or FOLDER)]
    if arguments.page is not None:
        paths.append(write_between(arguments.page, KINDS, kind_table.kinds_page(found)))
    show_line("written: " + ", ".join(map(str, paths)))
    return kind_table.kinds_json(found) if arguments.json else kind_table.kinds_table(found)
