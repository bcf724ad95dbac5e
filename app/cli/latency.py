"""`latency`: the time from a MIDI note to its sound. JACK and numba are imported where used."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass

from engine.cli.context import DONE, CommandContext


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `latency`; `blocks` in frames."""

    seconds: float
    blocks: list[int] | None
    json: bool


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `latency`."""
    parser.add_argument("--seconds", type=float, default=20.0, help="a row, default 20")
    parser.add_argument(
        "--blocks", type=int, nargs="+", metavar="FRAMES", help="default: 64 128 256 512"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list instead")


def run(arguments: Arguments, context: CommandContext) -> int:
    """Measure with each block size and print the rows."""
    from app.bench.latency import BLOCKS, LatencyRow, as_json, format_table, measure_latency

    rows: list[LatencyRow] = []
    measure_latency(arguments.seconds, arguments.blocks or BLOCKS, rows.append)
    print(as_json(rows) if arguments.json else format_table(rows))
    return DONE
