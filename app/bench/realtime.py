"""Whether audio callbacks meet their deadlines on this machine: `python main.py bench --realtime`.

Starts JACK servers with the dummy driver (no sound card, real deadlines), plays on one of them
under load, and lets a control process play silence on another for the same time: blocks that the
control misses are the machine's fault. A third process plays notes by MIDI and measures their
latency. Linux only. Run as `python -m app.bench.realtime`, this module is the control process.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PadParameters
from app.audio.recording.disk_recorder import DiskRecorder, DiskTake
from app.audio.recording.recorder import CAPTURE_S, TakeRecorder
from app.bench.counting import Counting
from app.bench.jack_player import HitTimes, PairDistances, Played, make_impulse, play_notes
from app.bench.jack_server import BLOCK_FRAMES, RATE, run_jack_server
from app.bench.memory_use import (
    SAMPLE_EVERY_S,
    MemoryUse,
    read_resident_mb,
    summarize_memory,
)
from app.bench.processes import end_process, run_process, write_line
from app.bench.sound_output import open_output
from engine.errors import PlayerError

HITS_PER_S = 8.0
LISTEN_S = 60.0
NOTES = (0, 7, 12)
SOUNDING = 32
"""Voices that play throughout, half of them transposed."""

Load = Callable[[], AbstractContextManager[None]]
"""Makes a context in which the machine is busy: an engine generating, a window repainting."""
Midi = Callable[[Mixer], AbstractContextManager[None]]
"""Makes a context in which MIDI plays a mixer's pads."""


@dataclass(frozen=True, slots=True)
class RealtimeReport:
    """The results, all but `hit_times` and `pairs` from the same minutes. `over_block` callbacks
    took longer than their block lasts; 99.9 % took at most `kernel_p999_percent` of it, with
    `voices` playing throughout.

    `control_*` are those of the silent stream in another process on a server of its own. `takes`
    were recorded from the output meanwhile, and `file_s` seconds of it were written to a file,
    `file_lost_s` lost. `hit_times` and `pairs`, by MIDI from another process, are None without
    JACK-Client.
    """

    minutes: float
    rate: int
    block_frames: int
    callbacks: int
    over_block: int
    longest_callback_ms: float
    mean_callback_us: float
    voices: int
    kernel_p999_percent: float
    underflows: int
    control_callbacks: int
    control_underflows: int
    hits: int
    dropped_commands: int
    takes: int
    file_s: float
    file_lost_s: float
    memory: MemoryUse
    hit_times: HitTimes | None
    pairs: PairDistances | None


def check_minutes(minutes: float) -> None:
    """Raise PlayerError if the duration is out of range or jackd is missing."""
    if not 0.0 < minutes <= 24 * 60:
        raise PlayerError(f"Minutes must be above 0 and at most 1440, got {minutes}.")
    if shutil.which("jackd") is None:
        raise PlayerError("The real-time bench needs jackd: sudo apt install jackd2.")


def measure_realtime(minutes: float, load: Load, midi: Midi) -> RealtimeReport:
    """Play for `minutes` with `load` entered, and count. Blocks; takes over a minute longer.

    Raises PlayerError where there is no jackd or it does not start.
    """
    check_minutes(minutes)
    with run_jack_server("played"), run_jack_server("control") as control:
        mixer = Mixer(RATE, capture_s=CAPTURE_S)
        environment = {"JACK_DEFAULT_SERVER": control}
        with _sound_all_pads(mixer), load():
            with midi(mixer):
                answered = _play_notes(min(LISTEN_S, minutes * 60.0))
            with run_process("control", environment, "app.bench.realtime") as silent:
                counting = Counting(mixer)
                with tempfile.TemporaryDirectory() as folder:
                    played = _play_and_record(mixer, minutes * 60.0, Path(folder))
                counted = json.loads(end_process(silent))
            return _report(minutes, counting, counted, played, answered)


def _report(
    minutes: float,
    counting: Counting,
    control: dict[str, int],
    performance: _Performance,
    answered: Played | None,
) -> RealtimeReport:
    counts = counting.counts()
    return RealtimeReport(
        minutes=minutes,
        rate=RATE,
        block_frames=BLOCK_FRAMES,
        callbacks=counts.callbacks,
        over_block=counts.late,
        longest_callback_ms=counts.longest_ms,
        mean_callback_us=counts.busy_s * 1e6 / max(counts.callbacks, 1),
        voices=SOUNDING,
        kernel_p999_percent=find_busy_percent(counting.busy_histogram(), 0.999),
        underflows=counts.underflows,
        control_callbacks=control["callbacks"],
        control_underflows=control["underflows"],
        hits=performance.hits,
        dropped_commands=counts.dropped_commands,
        takes=performance.takes,
        file_s=performance.file.seconds,
        file_lost_s=performance.file.lost_s,
        memory=summarize_memory(performance.resident_mb),
        hit_times=None if answered is None else answered.times(),
        pairs=None if answered is None else answered.distances(),
    )


def find_busy_percent(histogram: NDArray[np.int64], quantile: float) -> float:
    """Return a quantile of the callback times, in per cent of their block."""
    reached = np.cumsum(histogram) >= quantile * histogram.sum()
    return float(np.argmax(reached) + 1) * 100.0 / len(histogram)


@contextmanager
def _sound_all_pads(mixer: Mixer) -> Iterator[None]:
    """Open the mixer's stream on the first server, with every pad sounding softly."""
    rng = np.random.default_rng(0)
    for pad in range(1, mixer.pads):
        mixer.load(pad, rng.uniform(-1e-3, 1e-3, (RATE + 100 * pad, 2)).astype(np.float32))
        mixer.configure(pad, PadParameters("loop"))
    for voice in range(SOUNDING):
        note, pad = divmod(voice, mixer.pads - 1)
        mixer.hit(pad + 1, note=NOTES[note])
    mixer.load(0, make_impulse())
    os.environ["JACK_DEFAULT_SERVER"] = f"pingpad-played-{os.getpid()}"
    devices = open_output(mixer)
    try:
        yield
    finally:
        devices.close()


# --- playing and timing ---


@dataclass(slots=True)
class _Performance:
    """The hits played, and what was recorded meanwhile."""

    file: DiskTake = field(default_factory=lambda: DiskTake((), 0.0, 0.0, ""))
    hits: int = 0
    takes: int = 0
    resident_mb: list[float] = field(default_factory=list)


def _play_and_record(mixer: Mixer, seconds: float, folder: Path) -> _Performance:
    """Play while takes are recorded and the output is written to a file."""
    played, ended = _Performance(), list[DiskTake]()
    disk = DiskRecorder(mixer.capture, ended.append)
    disk.start(folder / "played.wav")
    stop = threading.Event()
    beside = threading.Thread(target=_record, args=(mixer, played, stop), name="bench recording")
    beside.start()
    try:
        played.hits = _play(mixer, seconds)
    finally:
        stop.set()
        beside.join()
        disk.close()
    played.file = ended[0]
    if played.file.failure:
        raise PlayerError(f"The bench could not write its file: {played.file.failure}.")
    return played


def _record(mixer: Mixer, played: _Performance, stop: threading.Event) -> None:
    """Record takes of two seconds from the output repeatedly, and sample the memory."""
    recorder = TakeRecorder(mixer.capture)
    recorder.start()
    while not stop.wait(SAMPLE_EVERY_S):
        played.resident_mb.append(read_resident_mb())
        if len(played.resident_mb) % 2 == 0 and recorder.stop() is not None:
            played.takes += 1
            recorder.start()


def _play(mixer: Mixer, seconds: float) -> int:
    """Hit pad 0 at irregular times and swap its sound now and then; return the number of hits.

    Hits are only counted: a list of them would distort the measurement of memory growth.
    """
    rng = np.random.default_rng(1)
    pause = threading.Event()
    hits = 0
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pause.wait((0.5 + rng.random()) / HITS_PER_S)
        hits += 1
        mixer.hit(0)
        if hits % 16 == 0:
            mixer.load(0, make_impulse())
    return hits


def _play_notes(seconds: float) -> Played | None:
    """Let another process play by MIDI and measure the sounds; None without JACK-Client."""
    if find_spec("jack") is None:
        return None
    return play_notes(seconds, {})


# --- the other process ---


def _run_control() -> None:
    """Play silence until a line arrives on stdin; print the callbacks and underflows."""
    mixer = Mixer(RATE)
    devices = open_output(mixer)
    counting = Counting(mixer)
    write_line("ready")
    sys.stdin.readline()
    counts = counting.counts()
    devices.close()
    write_line(json.dumps({"callbacks": counts.callbacks, "underflows": counts.underflows}))


if __name__ == "__main__":
    _run_control()
