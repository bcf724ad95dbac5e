"""The command line: no argument opens the instrument; the commands need no window.

Exit status: 0 done, 1 failed (one line on standard error says why), 2 a wrong argument, 130 stopped
with Ctrl+C. Heavy modules are imported where they are used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

from app.cli.realtime import measure_realtime
from app.folders import find_folders
from engine.api import RecipeError
from engine.cli.context import (
    COULD_NOT,
    STOPPED,
    WRONG_ARGUMENT,
    CommandContext,
    Loader,
    UsageError,
    load_generator,
    show_warning,
)
from engine.errors import PlayerError
from engine.process.engine_process import WORKER_COMMAND


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its module, which has Arguments, add_arguments and run."""

    name: str
    module: str
    help: str = ""


OPEN = Command("", "app.cli.open")
COMMANDS = (
    Command("generate", "engine.cli.generate", "make sounds and write them as WAV"),
    Command("models", "engine.cli.models", "list the models on this computer, or add one"),
    Command("bench", "engine.cli.bench", "measure generation; prints one JSON object"),
    Command("latency", "app.cli.latency", "measure from MIDI note to sound (Linux)"),
    Command("evaluate", "engine.cli.evaluate", "measure models against real sounds"),
    Command("table", "engine.cli.table", "train and measure all that the paper's table compares"),
    Command("listen", "engine.cli.listen", "make a page of sounds to listen to and compare"),
    Command("corpus", "engine.cli.corpus", "fetch real sounds to train with"),
    Command("train", "engine.cli.train", "train a model; a stopped run goes on"),
    Command("export", "engine.cli.export", "make a model folder of a trained run"),
)


def main(arguments: Sequence[str], load: Loader = load_generator, program: str = "main.py") -> int:
    """Run a command line and return the exit status; `load` loads the models."""
    if arguments[:1] == [WORKER_COMMAND]:
        from engine.__main__ import main as run_engine

        return run_engine(list(arguments[1:]))
    try:
        given = vars(_make_parser(program).parse_args(arguments))
        # By name, since none of the app's modules may lead to torch: see the import contracts.
        command: Any = import_module(given.pop("module"))
        context = CommandContext(find_folders().models, measure_realtime, load, program)
        status: int = command.run(command.Arguments(**given), context)
    except (UsageError, RecipeError) as error:
        return _fail(error, WRONG_ARGUMENT)
    except PlayerError as error:
        return _fail(error, COULD_NOT)
    except KeyboardInterrupt:
        return _fail("stopped", STOPPED)
    return status


def run_pingpad() -> NoReturn:
    """Run as the command `pingpad` of an installed Pingpad."""
    sys.exit(main(sys.argv[1:], program="pingpad"))


def _fail(why: object, status: int) -> int:
    show_warning(why)
    return status


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _make_parser(program: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        description="Pingpad: words, a hum or a beat become sounds on pads. "
        "Without a command the instrument opens.",
    )
    parser.set_defaults(module=OPEN.module)
    commands = parser.add_subparsers(metavar="COMMAND")
    for command in COMMANDS:
        inner = commands.add_parser(command.name, help=command.help)
        import_module(command.module).add_arguments(inner)
        inner.set_defaults(module=command.module)
    return parser
