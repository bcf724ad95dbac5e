"""The command line: no argument opens the instrument; the commands need no window.

Exit status: 0 done, 1 it could not be done (one line on standard error says why), 2 a wrong
argument, 130 stopped with Ctrl+C. Whatever is heavy is imported where it is used.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from engine.api import Recipe
    from engine.cli.evaluate import Surroundings
    from engine.clip import Clip
    from engine.library.card import ModelCard
    from engine.process.generator_protocol import Generated, Generator

    Loader = Callable[[Path, str], Generator]

DONE, COULD_NOT, WRONG_ARGUMENT, STOPPED = 0, 1, 2, 130
WORKER_COMMAND = "engine-worker"
"""By this first argument a frozen Pingpad becomes its own engine process."""

_DEFAULT_SECONDS, _DEFAULT_STRENGTH, _MOST_SOUNDS = 1.0, 0.7, 10_000


class CommandError(Exception):
    """What cannot be done as asked; one line for standard error."""


class UsageError(CommandError):
    """A wrong argument."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound to make and the file it goes to."""

    recipe: Recipe
    path: Path


def main(arguments: Sequence[str], load: Loader | None = None) -> int:
    """Do what the arguments say and return the exit status; `load` replaces the generator."""
    if arguments[:1] == [WORKER_COMMAND]:
        from engine.__main__ import main as run_engine

        return run_engine(list(arguments[1:]))
    try:
        return _do(_parser().parse_args(arguments), load)
    except UsageError as error:
        return _say(error, WRONG_ARGUMENT)
    except CommandError as error:
        return _say(error, COULD_NOT)
    except KeyboardInterrupt:
        return _say("stopped", STOPPED)


def _do(given: argparse.Namespace, load: Loader | None) -> int:
    commands: dict[str | None, Callable[[], int]] = {
        None: _open_window,
        "generate": lambda: _generate(given, load),
        "models": lambda: _models(given),
        "bench": lambda: _bench(given, load),
        "evaluate": lambda: _evaluate(given, load),
        "table": lambda: _table(given, load),
        "listen": lambda: _listen(given, load),
        "latency": lambda: _latency(given),
        "train": lambda: _train(given),
        "export": lambda: _export(given),
    }
    return commands[given.command]()


def _say(what: object, status: int) -> int:
    line = " ".join(str(what).split())
    print(f"pingpad: {line}", file=sys.stderr)
    return status


# --- arguments ---


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    from engine.cli import evaluate as measuring
    from engine.cli import train as training
    from engine.cli.models import add_models

    parser = _Parser(
        prog="main.py",
        description="Pingpad: words, a hum or a beat become sounds on pads. "
        "Without a command the instrument opens.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_generate(commands.add_parser("generate", help="make sounds and write them as WAV"))
    add_models(commands.add_parser("models", help="list the models on this computer, or add one"))
    _add_bench(commands.add_parser("bench", help="measure generation; prints one JSON object"))
    _add_latency(commands.add_parser("latency", help="measure from MIDI note to sound (Linux)"))
    measuring.add_evaluate(
        commands.add_parser("evaluate", help="measure models against real sounds")
    )
    measuring.add_table(
        commands.add_parser("table", help="train and measure all that the paper's table compares")
    )
    measuring.add_listen(
        commands.add_parser("listen", help="make a page of sounds to listen to and compare")
    )
    training.add_train(commands.add_parser("train", help="train a model; a stopped run goes on"))
    training.add_export(commands.add_parser("export", help="make a model folder of a trained run"))
    return parser


def _add_generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help='what it should be: "punchy 909 kick"')
    parser.add_argument(
        "--seconds", type=float, help="default: as the prompt says, or the recording, or 1"
    )
    parser.add_argument("--seed", type=int, help="the same seed makes the same sound again")
    parser.add_argument("--steps", type=int, help="default: what the model's card says")
    parser.add_argument("--out", type=Path, metavar="FILE.wav", help="default: named by the prompt")
    parser.add_argument("--init", type=Path, metavar="FILE", help="a recording to start from")
    parser.add_argument(
        "--strength",
        type=float,
        help="with --init: 0.01 keeps the recording, 1 ignores it; default 0.7",
    )
    parser.add_argument(
        "--avoid", default="", metavar="TEXT", help="what it should not be, for guided models"
    )
    parser.add_argument(
        "--remake",
        type=float,
        nargs=2,
        metavar=("FROM", "TO"),
        help="with --init: make only these seconds anew (Stable Audio 3)",
    )
    parser.add_argument("--count", type=int, default=1, help="make so many, FILE-1.wav and on")
    parser.add_argument("--json", action="store_true", help="one JSON object a sound")
    _add_model(parser)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=10, help="measured runs, default 10")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--prompt", default="punchy 909 kick")
    parser.add_argument(
        "--count", type=int, default=1, help="measure so many sounds made together too"
    )
    parser.add_argument(
        "--against",
        choices=["reference"],
        help="compare a published model with stable-audio-tools, if that is installed",
    )
    parser.add_argument("--threads", type=int, help="default: one for each core")
    parser.add_argument(
        "--figures",
        action="store_true",
        help="time Stable Audio Open Small in full size (random weights) in every precision",
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="measure hits instead, while the engine generates and the window repaints (Linux)",
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="with --realtime, default 5")
    _add_model(parser)


def _add_latency(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=20.0, help="a row, default 20")
    parser.add_argument(
        "--blocks", type=int, nargs="+", metavar="FRAMES", help="default: 64 128 256 512"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list instead")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="embedded", help="a name, or a model's folder")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


# --- commands ---


def _open_window() -> int:
    try:
        from app.bootstrap import run
    except (ImportError, OSError) as error:  # PortAudio or one of Qt's libraries is missing
        raise CommandError(
            f"the window cannot be opened ({error}): run ./setup.sh install once"
        ) from error
    return run(sys.argv)


def _generate(given: argparse.Namespace, load: Loader | None) -> int:
    from engine.files.audio import write_clip
    from engine.library.card import read_card

    with _sentences():
        folder = _model_folder(given.model)
        card = read_card(folder)
        source = _source(given)
        sounds = _sounds(given, card, source)
        _warn_of_unknown_words(given.prompt, card)
        generator = (load or _load_generator)(folder, given.device)
        recipes = [sound.recipe for sound in sounds]
        all_made = generator.generate_all(recipes, source, _show_progress)
        for sound, made in zip(sounds, all_made, strict=True):
            write_clip(sound.path, made.clip)
            print(_report(sound.path, made, generator, as_json=given.json), flush=True)
    return DONE


def _models(given: argparse.Namespace) -> int:
    if given.doing is None:
        return _list_models(given)
    from app.settings import find_folders
    from engine.cli.models import add
    from engine.library.store import ModelStore

    store = ModelStore(find_folders().models)
    with _sentences():
        if given.doing == "remove":
            store.remove(given.name)
        else:
            _show_line(f"added: {add(given, store)}")
    return DONE


def _list_models(given: argparse.Namespace) -> int:
    from engine.api import EngineError
    from engine.library.card import list_models, read_card

    status = DONE
    for folder in [folder for root in _model_roots() for folder in list_models(root)]:
        try:
            card = read_card(folder)
        except EngineError as error:
            status = _say(error, COULD_NOT)
            continue
        if given.json:
            print(json.dumps({"folder": str(folder)} | asdict(card)))
        else:
            limits = f"{card.sample_rate} Hz, up to {card.longest_s:g} s, {card.licence}"
            print(f"{card.name}: {card.summary} ({limits})\n    {folder}")
    return status


def _bench(given: argparse.Namespace, load: Loader | None) -> int:
    from engine.api import Recipe

    if given.realtime:
        return _bench_realtime(given)
    _check_count("--runs", given.runs)
    _check_count("--count", given.count)
    if given.threads is not None:
        _check_count("--threads", given.threads)
        # Read by OpenMP when torch is loaded, which is below.
        os.environ["OMP_NUM_THREADS"] = str(given.threads)
    if given.figures:
        return _bench_figures(given)
    with _sentences():
        recipe = Recipe(given.prompt, given.seconds, given.steps)
        folder = _model_folder(given.model)
        if given.against:
            return _bench_against(given, folder, recipe, load)
        from engine.bench.generation import measure

        report = measure(
            lambda: (load or _load_generator)(folder, given.device),
            recipe,
            given.runs,
            given.count,
        )
    print(json.dumps(asdict(report)))
    return DONE


def _bench_figures(given: argparse.Namespace) -> int:
    from engine.bench.full_size import measure_figures

    with _sentences():
        print(measure_figures(given.device, given.runs, _show_line))
    return DONE


def _bench_against(
    given: argparse.Namespace, folder: Path, recipe: Recipe, load: Loader | None
) -> int:
    from engine.bench.reference import compare

    generator = (load or _load_generator)(folder, given.device)
    print(json.dumps(asdict(compare(generator, folder, recipe, given.runs))))
    return DONE


def _bench_realtime(given: argparse.Namespace) -> int:
    from app.bench.under_load import measure_under_load
    from engine.errors import PlayerError

    # A screen of its own is not needed: the window is painted into memory just the same.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        report = measure_under_load(given.minutes, _model_folder(given.model))
    except PlayerError as error:
        raise CommandError(error) from error
    print(json.dumps(asdict(report)))
    return DONE


def _latency(given: argparse.Namespace) -> int:
    from app.bench.latency import BLOCKS, LatencyRow, as_json, measure_latency, table
    from engine.errors import PlayerError

    rows: list[LatencyRow] = []
    try:
        measure_latency(given.seconds, given.blocks or BLOCKS, rows.append)
    except PlayerError as error:
        raise CommandError(error) from error
    print(as_json(rows) if given.json else table(rows))
    return DONE


def _evaluate(given: argparse.Namespace, load: Loader | None) -> int:
    from engine.cli.evaluate import evaluate

    with _sentences():
        print(evaluate(given, _surroundings(load)))
    return DONE


def _table(given: argparse.Namespace, load: Loader | None) -> int:
    from engine.cli.evaluate import table

    with _sentences():
        print(table(given, _surroundings(load)))
    return DONE


def _listen(given: argparse.Namespace, load: Loader | None) -> int:
    from engine.cli.evaluate import listen

    with _sentences():
        print(listen(given, _surroundings(load)))
    return DONE


def _train(given: argparse.Namespace) -> int:
    from engine.cli.train import train

    with _sentences():
        train(given)
    return DONE


def _export(given: argparse.Namespace) -> int:
    from engine.cli.train import export

    with _sentences():
        _show_line(f"written: {export(given)}")
    return DONE


# --- parts of the commands ---


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn the engine's errors into the command line's."""
    from engine.api import RecipeError
    from engine.errors import PlayerError

    try:
        yield
    except RecipeError as error:
        raise UsageError(error) from error
    except PlayerError as error:
        raise CommandError(error) from error


def _load_generator(folder: Path, device: str) -> Generator:
    from engine.generation.generator import load_generator

    return load_generator(folder, device)


def _surroundings(load: Loader | None) -> Surroundings:
    from engine.cli.evaluate import Surroundings

    return Surroundings(_model_folder, load or _load_generator, _show_line, _model_roots()[-1])


def _model_roots() -> list[Path]:
    from app.settings import find_folders
    from engine.library.card import EMBEDDED_FOLDER

    return [EMBEDDED_FOLDER.parent, find_folders().models]


def _model_folder(name: str) -> Path:
    for root in _model_roots():
        if Path(name).name == name and (root / name).is_dir():
            return root / name
    if Path(name).is_dir():
        return Path(name)
    raise CommandError(f'there is no model "{name}": "main.py models" lists those there are')


def _source(given: argparse.Namespace) -> Clip | None:
    from engine.api import LONGEST_S
    from engine.files.audio import read_clip

    if given.init is not None:
        return read_clip(given.init, LONGEST_S)
    if given.strength is not None:
        raise UsageError("--strength needs a recording: add --init FILE")
    if given.remake is not None:
        raise UsageError("--remake needs a recording: add --init FILE")
    return None


def _sounds(given: argparse.Namespace, card: ModelCard, source: Clip | None) -> list[Sound]:
    """Check everything that can be wrong before the model is loaded."""
    from engine.api import MOST_SEED, Recipe
    from engine.prompts.tokens import seconds_of

    _check_count("--count", given.count)
    seconds, strength = given.seconds, None
    if source is not None:
        seconds = source.seconds if seconds is None else seconds
        strength = given.strength
        if strength is None and given.remake is None:
            strength = _DEFAULT_STRENGTH
    if seconds is None:
        seconds = seconds_of(given.prompt) or _DEFAULT_SECONDS
    steps = card.default_steps if given.steps is None else given.steps
    init = None if given.init is None else str(given.init)
    seeds: list[int | None] = [None] * given.count
    if given.seed is not None:
        seeds = [(given.seed + index) % (MOST_SEED + 1) for index in range(given.count)]
        seeds[0] = given.seed  # out of range: refused by the recipe, not wrapped around
    paths = _paths(given.out or _free_path(given.prompt), given.count)
    begin, end = given.remake or (None, None)
    recipe = Recipe(
        given.prompt, seconds, steps, None, strength, init, given.model, begin, end, given.avoid
    )
    return [
        Sound(replace(recipe, seed=seed), path) for seed, path in zip(seeds, paths, strict=True)
    ]


def _check_count(name: str, value: int) -> None:
    if not 1 <= value <= _MOST_SOUNDS:
        raise UsageError(f"{name} must be 1..{_MOST_SOUNDS}, got {value}")


def _paths(out: Path, count: int) -> list[Path]:
    if out.suffix.lower() != ".wav":
        raise UsageError(f"--out must end in .wav, got {out.name}")
    if not out.parent.is_dir():
        raise CommandError(f"there is no folder {out.parent} for {out.name}: make it first")
    if out.is_dir():
        raise CommandError(f"{out} is a folder: name a file")
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{number}{out.suffix}") for number in range(1, count + 1)]


def _free_path(prompt: str) -> Path:
    """Name a file by its prompt, never one that is there already."""
    from engine.prompts.tokens import split_words

    stem = "-".join(word.text for word in split_words(prompt))[:60].strip("-") or "sound"
    path, number = Path(f"{stem}.wav"), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}.wav"), number + 1
    return path


def _warn_of_unknown_words(prompt: str, card: ModelCard) -> None:
    from engine.prompts.reading import unknown_words

    if not card.vocabulary:
        return
    spans = unknown_words(prompt, frozenset(card.vocabulary))
    if spans:
        words = ", ".join(prompt[start:end] for start, end in spans)
        _say(f"{card.name} was never taught: {words}", DONE)


def _show_line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show_progress(step: int, steps: int) -> bool:
    if sys.stderr.isatty():
        print(f"\rstep {step} of {steps}", end="\n" if step == steps else "", file=sys.stderr)
    return True


def _report(path: Path, made: Generated, generator: Generator, *, as_json: bool) -> str:
    if not as_json:
        return (
            f"{path}: {made.clip.seconds:.2f} s, seed {made.recipe.seed}, "
            f"made in {made.timing.whole_ms:.0f} ms on {generator.device}"
        )
    report = {
        "path": str(path),
        "recipe": asdict(made.recipe),
        "timing": asdict(made.timing),
        "device": generator.device,
        "precision": generator.precision,
    }
    return json.dumps(report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
