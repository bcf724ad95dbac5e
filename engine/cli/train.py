"""The command line's `train` and `export`: their arguments, and what they do with them.

Loads torch only when one of them runs. Raises EngineError with a sentence for the player.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.api import EngineError, RecipeError


def add_train(parser: argparse.ArgumentParser) -> None:
    """The arguments of `train`."""
    parser.add_argument("config", type=Path, help="a TOML file, as in presets/training")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="default: runs/NAME-OF-CONFIG")


def train(given: argparse.Namespace) -> None:
    """Train as a config says, or go on with it."""
    if not given.config.is_file():
        raise EngineError(f"there is no config {given.config}")
    from engine.training.train import train as train_run

    train_run(given.config, given.run or Path("runs") / given.config.stem)


def add_export(parser: argparse.ArgumentParser) -> None:
    """The arguments of `export`."""
    parser.add_argument("run", type=Path, help="the folder of a flow or ARC run")
    parser.add_argument("--codec", type=Path, required=True, help="the folder of its codec's run")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--name", required=True, help="what the model is called")
    parser.add_argument("--licence", default="MIT", help="of the weights, default MIT")
    parser.add_argument("--notes", default="", help="a sentence for its card")
    parser.add_argument(
        "--made-by", action="append", default=[], metavar="COMMAND", help="for its card, in order"
    )
    parser.add_argument("--sampler", default="ping_pong", help="default ping_pong")
    parser.add_argument("--guidance", type=float, default=1.0, help="1 is none, default 1")
    parser.add_argument("--shift", type=float, default=1.0, help="of Euler's times, default 1")
    parser.add_argument(
        "--flow-share",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of an ARC run: so much of the weights as in the flow it began with, 0 to 1",
    )


def export(given: argparse.Namespace) -> Path:
    """Make a model folder of a trained run; return it."""
    from engine.sampling.config import SamplingConfig
    from engine.training.export import About, export_model

    try:
        asked = given.sampler, given.guidance, given.shift
        sampling = SamplingConfig(*asked, follows_recordings=True)
    except ValueError as error:
        raise RecipeError(str(error)) from error
    if not 0 <= given.flow_share <= 1:
        raise RecipeError(f"--flow-share must be 0..1, got {given.flow_share:g}.")
    about = About(given.name, given.licence, tuple(given.made_by), given.notes)
    export_model(given.run, given.codec, given.out, about, sampling, given.flow_share)
    out: Path = given.out
    return out
