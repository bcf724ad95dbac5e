"""`bench`: measures the speed of generation on this machine. Imports torch with the model."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.api import Recipe
from engine.cli.context import (
    DONE,
    CommandContext,
    add_model_arguments,
    check_count,
    show_line,
)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `bench`; `against` is "reference" or None."""

    runs: int
    seconds: float
    steps: int
    prompt: str
    count: int
    against: str | None
    threads: int | None
    figures: bool
    realtime: bool
    minutes: float
    model: str
    device: str


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `bench`."""
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
    add_model_arguments(parser)


def run(arguments: Arguments, context: CommandContext) -> int:
    """Measure and print the figures: one JSON object, with --figures a table."""
    if arguments.realtime:
        folder = context.find_model(arguments.model)
        print(json.dumps(context.measure_realtime(arguments.minutes, folder)))
        return DONE
    check_count("--runs", arguments.runs)
    check_count("--count", arguments.count)
    if arguments.threads is not None:
        check_count("--threads", arguments.threads)
        # OpenMP reads it when torch is imported, below.
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    if arguments.figures:
        print(_measure_full_size(arguments))
        return DONE
    recipe = Recipe(arguments.prompt, arguments.seconds, arguments.steps)
    folder = context.find_model(arguments.model)
    measure = _compare if arguments.against else _measure
    print(json.dumps(measure(arguments, context, folder, recipe)))
    return DONE


def _measure_full_size(arguments: Arguments) -> str:
    from engine.bench.full_size import measure_full_size

    return measure_full_size(arguments.device, arguments.runs, show_line)


def _measure(
    arguments: Arguments, context: CommandContext, folder: Path, recipe: Recipe
) -> dict[str, object]:
    from engine.bench.generation import measure

    report = measure(
        lambda: context.load(folder, arguments.device), recipe, arguments.runs, arguments.count
    )
    return asdict(report)


def _compare(
    arguments: Arguments, context: CommandContext, folder: Path, recipe: Recipe
) -> dict[str, object]:
    from engine.bench.reference import compare

    generator = context.load(folder, arguments.device)
    return asdict(compare(generator, folder, recipe, arguments.runs))
