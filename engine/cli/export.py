"""`export`: makes a model folder of a training run. Imports torch with the run."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from engine.cli.context import DONE, CommandContext, UsageError, show_line


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `export`."""

    run: Path
    codec: Path | None
    out: Path
    name: str
    licence: str
    notes: str
    made_by: list[str]
    sampler: str
    guidance: float
    shift: float
    flow_share: float


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument("run", type=Path, help="the folder of a flow or ARC run, or of a codec's")
    parser.add_argument(
        "--codec",
        type=Path,
        help="the folder of a flow's codec; without it a codec's run is written as a codec",
    )
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--name", default="", help="what the model is called; a codec has no name")
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


def run(arguments: Arguments, context: CommandContext) -> int:
    """Make a model folder of a trained run."""
    from engine.sampling.config import SamplingConfig
    from engine.training.export import ModelInfo, export_codec, export_model

    made_by = tuple(arguments.made_by)
    about = ModelInfo(arguments.name, arguments.licence, made_by, arguments.notes)
    if arguments.codec is None:
        export_codec(arguments.run, arguments.out, about)
        show_line(f"written: {arguments.out}")
        return DONE
    if not arguments.name:
        raise UsageError("a model needs a --name")
    try:
        settings = arguments.sampler, arguments.guidance, arguments.shift
        sampling = SamplingConfig(*settings, follows_recordings=True)
    except ValueError as error:
        raise UsageError(str(error)) from error
    share = arguments.flow_share
    if not 0 <= share <= 1:
        raise UsageError(f"--flow-share must be 0..1, got {share:g}.")
    export_model(arguments.run, arguments.codec, arguments.out, about, sampling, share)
    show_line(f"written: {arguments.out}")
    return DONE
