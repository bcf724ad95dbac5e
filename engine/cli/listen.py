"""`listen`: makes a page of sounds to compare by ear. Imports torch with the models."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine.cli.context import DONE, CommandContext, add_device_argument, show_line

PAIRS = 30
"""Default number of pairs of a blind test."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `listen`; `blind` is a number of pairs, None for the page."""

    models: list[str]
    out: Path | None
    quick: bool
    blind: int | None
    device: str


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `listen`."""
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
    add_device_argument(parser)


def run(arguments: Arguments, context: CommandContext) -> int:
    """Make the listening page and print where it lies."""
    print(_write_page(arguments, context))
    return DONE


def _write_page(arguments: Arguments, context: CommandContext) -> Path:
    from engine.evaluation.reports.listening_page import PageInfo, write_listening
    from engine.evaluation.runs.evaluate import current_conditions
    from engine.evaluation.runs.listening import make_chapters, parse_method
    from engine.hardware.device import choose_device

    methods = [parse_method(text, context.find_model) for text in arguments.models]
    device = choose_device(arguments.device)
    conditions = current_conditions(device, "")
    about = PageInfo(conditions.made, conditions.machine, _format_command(arguments))
    if arguments.blind is not None:
        from engine.evaluation.runs.blind_test import make_blind_test, write_blind_test

        test = make_blind_test(methods[0], arguments.blind, context.load, device, Random())
        return write_blind_test(test, about, arguments.out or Path("runs") / "blind")
    found = make_chapters(methods, context.load, device, show_line, arguments.quick)
    return write_listening(found, about, arguments.out or Path("docs") / "listening")


def _format_command(arguments: Arguments) -> str:
    """Return the command to repeat this, without the folders of this computer."""
    how = ["--quick"] if arguments.quick else []
    if arguments.blind is not None:
        how = ["--blind", str(arguments.blind)]
    models = arguments.models if arguments.blind is None else arguments.models[:1]
    return shlex.join(["python", "main.py", "listen", *map(_shorten_path, models), *how])


def _shorten_path(model: str) -> str:
    """Return a model's name, or its folder relative to the current one."""
    label, named, rest = model.partition("=")
    if not named:
        label, rest = "", model
    return label + named + (os.path.relpath(rest) if Path(rest).is_absolute() else rest)
