"""No command: the instrument's window. Qt is imported where it is used."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import dataclass

from engine.cli.context import CommandContext, CommandError


@dataclass(frozen=True, slots=True)
class Arguments:
    """No arguments."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add nothing."""


def run(arguments: Arguments, context: CommandContext) -> int:
    """Open the window and return when it is closed."""
    try:
        from app.run import run as run_instrument
    except (ImportError, OSError) as error:  # PortAudio or one of Qt's libraries is missing
        raise CommandError(
            f"the window cannot be opened ({error}): run ./setup.sh install once"
        ) from error
    return run_instrument(sys.argv)
