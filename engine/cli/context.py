"""What all commands share: context, common arguments, exit statuses. No torch."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PlayerError
from engine.library.card import EMBEDDED_FOLDER
from engine.process.generator_protocol import Generator
from engine.process.worker import find_factory

DONE, COULD_NOT, WRONG_ARGUMENT, STOPPED = 0, 1, 2, 130
"""Exit statuses; for any but 0, one line on standard error says why."""

MAX_SOUNDS = 10_000

Loader = Callable[[Path, str], Generator]
"""Loads the model in a folder onto a device."""

MeasureRealtime = Callable[[float, Path], dict[str, object]]
"""Measures hits for so many minutes while a model generates; passed in by the app."""


class CommandError(PlayerError):
    """A command failed; the message is one line for standard error."""


class UsageError(PlayerError):
    """A wrong argument."""


def load_generator(folder: Path, device: str) -> Generator:
    """Load a model; this imports torch."""
    return find_factory()(folder, device)


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The folder of added models, the loader of models, and the program's name."""

    models: Path
    measure_realtime: MeasureRealtime
    load: Loader = load_generator
    program: str = "main.py"

    @property
    def model_roots(self) -> tuple[Path, Path]:
        """The folders of the models that ship with Pingpad and of those that were added."""
        return EMBEDDED_FOLDER.parent, self.models

    def find_model(self, name: str) -> Path:
        """Return a model's folder by its name or its path. Raises CommandError."""
        for root in self.model_roots:
            if Path(name).name == name and (root / name).is_dir():
                return root / name
        if Path(name).is_dir():
            return Path(name)
        raise CommandError(
            f'there is no model "{name}": "{self.program} models" lists those there are'
        )


def add_model_arguments(parser: ArgumentParser) -> None:
    """Add --model and --device."""
    parser.add_argument("--model", default="embedded", help="a name, or a model's folder")
    add_device_argument(parser)


def add_device_argument(parser: ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def check_count(name: str, value: int) -> None:
    """Raise UsageError unless a count is 1..MAX_SOUNDS."""
    if not 1 <= value <= MAX_SOUNDS:
        raise UsageError(f"{name} must be 1..{MAX_SOUNDS}, got {value}")


def show_line(text: str) -> None:
    """Print a line to standard error."""
    print(text, file=sys.stderr, flush=True)


def show_warning(text: object) -> None:
    """Print a warning as one line to standard error."""
    show_line(f"pingpad: {' '.join(str(text).split())}")
