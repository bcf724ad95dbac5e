"""`main.py latency`: the latency from a MIDI note in one process to its sound in JACK.

Three processes on one JACK server: a player that sends notes and listens, the instrument's mixer
with its MIDI and audio, and this one, which starts the others. Times are measured in the server's
frames. Linux only. Run as `python -m app.bench.latency`, this module is the instrument's process.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec

import numpy as np

from app.audio.mixer.keyboard import Keyboard
from app.audio.mixer.mixer import Mixer
from app.bench.counting import Counting
from app.bench.jack_player import (
    CLIENT,
    FOUND_WITHIN_S,
    HitTimes,
    make_impulse,
    play_notes,
)
from app.bench.jack_server import RATE, run_jack_server
from app.bench.processes import end_process, run_process, write_line
from app.bench.sound_output import open_output
from app.midi.ports.inputs import MidiInputs, MidiState
from app.midi.router import PadRouter
from engine.errors import PlayerError

BLOCKS = (64, 128, 256, 512)

DUMMY = "JACK, dummy driver"
RUNNING = "JACK, as it runs here"


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """The results for one block size. `missed` of `callbacks` were too late for JACK."""

    block_frames: int
    driver: str
    rate: int
    callbacks: int
    missed: int
    times: HitTimes


def measure_latency(
    seconds: float, blocks: Sequence[int], on_row: Callable[[LatencyRow], object]
) -> None:
    """Measure for `seconds` with each block size in turn, and pass each row to `on_row`.

    A JACK server that is already running is measured as it is, ignoring `blocks`; else servers with
    the dummy driver are started: real deadlines without a sound card. Raises PlayerError.
    """
    if not 1.0 <= seconds <= 3600.0:
        raise PlayerError(f"Seconds must be 1..3600, got {seconds:g}.")
    wrong = [block for block in blocks if not 16 <= block <= 4096 or block & (block - 1)]
    if wrong or not blocks:
        named = wrong[0] if wrong else "none"
        raise PlayerError(f"A block is a power of two, 16..4096 frames, got {named}.")
    if find_spec("jack") is None:
        raise PlayerError("Measuring latency needs JACK-Client: pip install JACK-Client.")
    if _server_runs():
        on_row(_measure(seconds, RUNNING, {}))
        return
    if shutil.which("jackd") is None:
        raise PlayerError("Measuring latency needs JACK: sudo apt install jackd2.")
    for block in blocks:
        with run_jack_server(f"latency{block}", block) as server:
            on_row(_measure(seconds, DUMMY, {"JACK_DEFAULT_SERVER": server}))


def format_table(rows: Sequence[LatencyRow]) -> str:
    """Return the rows as a table in plain text."""
    head = ("block", "driver", "note to sound", "99 %", "worst", "missed", "notes heard")
    lines = [head, *(_cells(row) for row in rows)]
    wide = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, wide, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: LatencyRow) -> tuple[str, ...]:
    times = row.times
    block_ms = row.block_frames * 1000 / row.rate
    return (
        f"{row.block_frames} ({block_ms:.1f} ms)",
        row.driver,
        _ms(times.median_ms),
        _ms(times.p99_ms),
        _ms(times.longest_ms),
        f"{row.missed} of {row.callbacks}",
        f"{times.heard} of {times.hits}",
    )


def _ms(milliseconds: float) -> str:
    return "-" if np.isnan(milliseconds) else f"{milliseconds:.2f} ms"


def _measure(seconds: float, driver: str, environment: dict[str, str]) -> LatencyRow:
    """Run both processes on one server, and combine their results."""
    with run_process("instrument", environment, "app.bench.latency") as instrument:
        played = play_notes(seconds, environment)
        counted = json.loads(end_process(instrument))
    return LatencyRow(
        played.block_frames,
        driver,
        played.rate,
        counted["callbacks"],
        counted["missed"],
        played.times(),
    )


def _server_runs() -> bool:
    import jack

    jack.set_error_function(lambda message: None)
    try:
        jack.Client("pingpad-latency-look", no_start_server=True).close()
    except jack.JackOpenError:
        return False
    return True


# --- the instrument's process ---


def _play_instrument() -> None:
    """Run the part of Pingpad between MIDI port and sound card, until a line arrives on stdin."""
    # ALSA and JACK print every device that they do not find to stderr.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    mixer = Mixer(RATE)
    devices = open_output(mixer)
    for pad in range(mixer.pads):
        mixer.load(pad, make_impulse())
    found = threading.Event()

    def on_change(state: MidiState) -> None:
        if any(CLIENT in port for port in state.ports):
            found.set()

    ports = MidiInputs(PadRouter(Keyboard(mixer), lambda pad, velocity: None).receive, on_change)
    ports.start()
    write_line("ready")
    found.wait(FOUND_WITHIN_S)
    counting = Counting(mixer)
    sys.stdin.readline()
    counts = counting.counts()
    ports.stop()
    devices.close()
    write_line(json.dumps({"callbacks": counts.callbacks, "missed": counts.underflows}))


def as_json(rows: Sequence[LatencyRow]) -> str:
    """Return the rows as one line of JSON."""
    return json.dumps([asdict(row) for row in rows])


if __name__ == "__main__":
    _play_instrument()
