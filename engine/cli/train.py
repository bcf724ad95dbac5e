"""`train`: starts or resumes a training run. Imports torch with the run."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from engine.cli.context import DONE, CommandContext, CommandError


@dataclass(frozen=True, slots=True)
class Arguments:
    """The config of a run, and its folder; None names the folder by the config."""

    config: Path
    run: Path | None


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `train`."""
    parser.add_argument("config", type=Path, help="a TOML file, as in presets/training")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="default: runs/NAME-OF-CONFIG")


def run(arguments: Arguments, context: CommandContext) -> int:
    """Start the training run of a config, or resume it."""
    config = arguments.config
    if not config.is_file():
        raise CommandError(f"there is no config {config}")
    from engine.training.train import train

    train(config, arguments.run or Path("runs") / config.stem)
    return DONE
