"""`generate`: makes WAVs from words or a recording. Imports torch with the model."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.api import LONGEST_S, MOST_SEED, Recipe
from engine.cli.context import (
    DONE,
    CommandContext,
    CommandError,
    UsageError,
    add_model_arguments,
    check_count,
    show_warning,
)
from engine.clip import Clip
from engine.library.card import ModelCard, read_card
from engine.process.generator_protocol import Generated, Generator

_DEFAULT_SECONDS, _DEFAULT_STRENGTH = 1.0, 0.7


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `generate`."""

    prompt: str
    seconds: float | None
    seed: int | None
    steps: int | None
    out: Path | None
    init: Path | None
    strength: float | None
    avoid: str
    remake: list[float] | None
    count: int
    json: bool
    model: str
    device: str


@dataclass(frozen=True, slots=True)
class _Sound:
    """The recipe of a sound and the path of its file."""

    recipe: Recipe
    path: Path


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `generate`."""
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
    add_model_arguments(parser)


def run(arguments: Arguments, context: CommandContext) -> int:
    """Make the sounds, write each one and print a line about it."""
    from engine.files.audio import write_clip

    folder = context.find_model(arguments.model)
    card = read_card(folder)
    source = _read_source(arguments)
    sounds = _plan_sounds(arguments, card, source)
    _warn_of_unknown_words(arguments.prompt, card)
    generator = context.load(folder, arguments.device)
    recipes = [sound.recipe for sound in sounds]
    results = generator.generate_all(recipes, source, _show_progress)
    for sound, made in zip(sounds, results, strict=True):
        write_clip(sound.path, made.clip)
        print(_format_report(sound.path, made, generator, as_json=arguments.json), flush=True)
    return DONE


def _read_source(arguments: Arguments) -> Clip | None:
    from engine.files.audio import read_clip

    if arguments.init is not None:
        return read_clip(arguments.init, LONGEST_S)
    if arguments.strength is not None:
        raise UsageError("--strength needs a recording: add --init FILE")
    if arguments.remake is not None:
        raise UsageError("--remake needs a recording: add --init FILE")
    return None


def _plan_sounds(arguments: Arguments, card: ModelCard, source: Clip | None) -> list[_Sound]:
    """Return the sounds to make; checks all arguments before the model is loaded."""
    check_count("--count", arguments.count)
    recipe = _make_recipe(arguments, card, source)
    paths = _list_paths(arguments.out or _find_free_path(arguments.prompt), arguments.count)
    seeds = _list_seeds(arguments.seed, arguments.count)
    return [
        _Sound(replace(recipe, seed=seed), path) for seed, path in zip(seeds, paths, strict=True)
    ]


def _make_recipe(arguments: Arguments, card: ModelCard, source: Clip | None) -> Recipe:
    """Return the recipe of all sounds, without a seed. Raises RecipeError."""
    from engine.prompts.tokens import find_seconds

    seconds, strength = arguments.seconds, None
    if source is not None:
        seconds = source.seconds if seconds is None else seconds
        strength = arguments.strength
        if strength is None and arguments.remake is None:
            strength = _DEFAULT_STRENGTH
    if seconds is None:
        seconds = find_seconds(arguments.prompt) or _DEFAULT_SECONDS
    remake_from, remake_to = arguments.remake or (None, None)
    return Recipe(
        arguments.prompt,
        seconds,
        card.default_steps if arguments.steps is None else arguments.steps,
        None,
        strength,
        None if arguments.init is None else str(arguments.init),
        arguments.model,
        remake_from,
        remake_to,
        arguments.avoid,
    )


def _list_seeds(first: int | None, count: int) -> list[int | None]:
    if first is None:
        return [None] * count
    following = [(first + index) % (MOST_SEED + 1) for index in range(1, count)]
    return [first, *following]  # one out of range is refused by the recipe, not wrapped around


def _list_paths(out: Path, count: int) -> list[Path]:
    if out.suffix.lower() != ".wav":
        raise UsageError(f"--out must end in .wav, got {out.name}")
    if not out.parent.is_dir():
        raise CommandError(f"there is no folder {out.parent} for {out.name}: make it first")
    if out.is_dir():
        raise CommandError(f"{out} is a folder: name a file")
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{number}{out.suffix}") for number in range(1, count + 1)]


def _find_free_path(prompt: str) -> Path:
    """Return a path named by the prompt, never that of an existing file."""
    from engine.prompts.tokens import split_words

    stem = "-".join(word.text for word in split_words(prompt))[:60].strip("-") or "sound"
    path, number = Path(f"{stem}.wav"), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}.wav"), number + 1
    return path


def _warn_of_unknown_words(prompt: str, card: ModelCard) -> None:
    from engine.prompts.reading import find_unknown_words

    if not card.vocabulary:
        return
    spans = find_unknown_words(prompt, frozenset(card.vocabulary))
    if spans:
        words = ", ".join(prompt[start:end] for start, end in spans)
        show_warning(f"{card.name} was never taught: {words}")


def _show_progress(step: int, steps: int) -> bool:
    if sys.stderr.isatty():
        print(f"\rstep {step} of {steps}", end="\n" if step == steps else "", file=sys.stderr)
    return True


def _format_report(path: Path, made: Generated, generator: Generator, *, as_json: bool) -> str:
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
