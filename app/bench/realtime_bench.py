"""Whether hits keep their deadline on this machine: `python main.py bench --realtime`.

Starts JACK servers of its own with the dummy driver (no sound card, real deadlines), plays on one
of them under load, and lets a second process play silence on another for the same minutes: what
that control loses, the machine lost. A third process plays notes by MIDI and hears when they sound.
Linux only. Run as `python -m app.bench.realtime_bench`, it is the second process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.audio.devices.audio_devices import AudioDevices
from app.audio.mixer.meter import Counts
from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PadParameters
from app.audio.recording.disk_recorder import DiskRecorder, DiskTake
from app.audio.recording.recorder import CAPTURE_S, InputRecorder, TakeRecorder
from app.bench.jack_player import (
    SECONDS,
    HitTimes,
    PairDistances,
    Played,
    impulse,
    read_played,
)
from engine.errors import PlayerError
from engine.process.python_child import child_environment, module_command

RATE = 48_000
BLOCK_FRAMES = 128
HITS_PER_S = 8.0
LISTEN_S = 60.0
OPEN_WITHIN_S = 30.0
ANSWER_WITHIN_S = 20.0
NOTES = (0, 7, 12)
SOUNDING = 32
"""Voices that sound throughout, half of them at another speed than their sound's."""
WARM_UP = 0.2
"""The share of the minutes after which memory is not to grow any more; a minute at most."""
LOOK_EVERY_S = 1.0

Load = Callable[[], AbstractContextManager[None]]
"""Makes a context in which the machine is kept busy: an engine generating, a window repainting."""
Midi = Callable[[Mixer], AbstractContextManager[None]]
"""Makes a context in which MIDI plays a mixer's pads."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Megabytes of this process (resident), window and all: after the warm-up, and then more.

    Both are medians over a tenth of the looks, one a second.
    """

    warm_mb: float
    growth_mb: float


@dataclass(frozen=True, slots=True)
class RealtimeReport:
    """What was measured, all but `hit_times` and `pairs` in the same minutes. `over_block`
    callbacks took longer than their own block lasts; 99.9 % took at most `kernel_p999_percent` of
    it, with `voices` sounding throughout.

    `control_*` is the silent stream in another process on a server of its own. `takes` were cut
    out of what was played, which went to a file: `file_s` of it, `file_lost_s` not. `hit_times` and
    `pairs`, by MIDI from another process, are None where JACK-Client is not installed.
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
    """Raise PlayerError where measuring for so long cannot be."""
    if not 0.0 < minutes <= 24 * 60:
        raise PlayerError(f"Minutes must be above 0 and at most 1440, got {minutes}.")
    if shutil.which("jackd") is None:
        raise PlayerError("The real-time bench needs jackd: sudo apt install jackd2.")


def measure_realtime(minutes: float, load: Load, midi: Midi) -> RealtimeReport:
    """Play for `minutes` with `load` entered, and count. Blocks; takes over a minute longer.

    Raises PlayerError where there is no jackd or it does not start.
    """
    check_minutes(minutes)
    with jack_server("played"), jack_server("control") as control:
        mixer = Mixer(RATE, capture_s=CAPTURE_S)
        with _playing(mixer), load():
            with midi(mixer):
                answered = _play_notes(min(LISTEN_S, minutes * 60.0))
            with running("control", {"JACK_DEFAULT_SERVER": control}) as silent:
                counting = Counting(mixer)
                with tempfile.TemporaryDirectory() as folder:
                    played = _play_and_record(mixer, minutes * 60.0, Path(folder))
                counted = json.loads(answer(silent))
            return _report(minutes, counting, counted, played, answered)


class Counting:
    """What a mixer's callback counts from here on."""

    def __init__(self, mixer: Mixer) -> None:
        """Begin; one at a time, for the longest callback is forgotten."""
        self._mixer = mixer
        mixer.forget_longest()
        self._before, self._shares_before = mixer.counts(), mixer.busy_histogram()

    def counts(self) -> Counts:
        """Return the counts since; `frame` as it is."""
        before, now = self._before, self._mixer.counts()
        return replace(
            now,
            callbacks=now.callbacks - before.callbacks,
            underflows=now.underflows - before.underflows,
            late=now.late - before.late,
            dropped_commands=now.dropped_commands - before.dropped_commands,
            busy_s=now.busy_s - before.busy_s,
        )

    def shares(self) -> NDArray[np.int64]:
        """Return `Mixer.busy_histogram` since."""
        return self._mixer.busy_histogram() - self._shares_before


def _report(
    minutes: float,
    counting: Counting,
    control: dict[str, int],
    performed: _Performed,
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
        kernel_p999_percent=share_of_block(counting.shares(), 0.999),
        underflows=counts.underflows,
        control_callbacks=control["callbacks"],
        control_underflows=control["underflows"],
        hits=performed.hits,
        dropped_commands=counts.dropped_commands,
        takes=performed.takes,
        file_s=performed.file.seconds,
        file_lost_s=performed.file.lost_s,
        memory=memory_use(performed.resident_mb),
        hit_times=None if answered is None else answered.times(),
        pairs=None if answered is None else answered.distances(),
    )


def share_of_block(shares: NDArray[np.int64], quantile: float) -> float:
    """Return how many per cent of their block that share of the callbacks took at most."""
    reached = np.cumsum(shares) >= quantile * shares.sum()
    return float(np.argmax(reached) + 1) * 100.0 / len(shares)


def memory_use(resident_mb: Sequence[float]) -> MemoryUse:
    """Return what looks at even distances found: after the warm-up, and from there to the end."""
    warm = int(min(WARM_UP * len(resident_mb), 60.0 / LOOK_EVERY_S))
    counted = resident_mb[warm:]
    tenth = max(len(counted) // 10, 1)
    first, last = float(np.median(counted[:tenth])), float(np.median(counted[-tenth:]))
    return MemoryUse(round(first, 2), round(last - first, 2))


def resident_mb() -> float:
    """Return the memory of this process in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- servers and processes ---


@contextmanager
def jack_server(name: str, block_frames: int = BLOCK_FRAMES) -> Iterator[str]:
    """Run jackd with the dummy driver under a name of its own, which it yields."""
    server = f"pingpad-{name}-{os.getpid()}"
    command = ["jackd", "-R", "-P", "70", "-n", server, "-d", "dummy"]
    command += ["-r", str(RATE), "-p", str(block_frames), "-C", "2", "-P", "2"]
    environment = {**os.environ, "JACK_NO_AUDIO_RESERVATION": "1"}
    jackd = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield server
    finally:
        jackd.terminate()
        jackd.wait(ANSWER_WITHIN_S)


@contextmanager
def _playing(mixer: Mixer) -> Iterator[None]:
    """Open the mixer's stream on the first server, with every pad sounding softly."""
    rng = np.random.default_rng(0)
    for pad in range(1, mixer.pads):
        mixer.load(pad, rng.uniform(-1e-3, 1e-3, (RATE + 100 * pad, 2)).astype(np.float32))
        mixer.configure(pad, PadParameters("loop"))
    for voice in range(SOUNDING):
        note, pad = divmod(voice, mixer.pads - 1)
        mixer.hit(pad + 1, note=NOTES[note])
    mixer.load(0, impulse())
    os.environ["JACK_DEFAULT_SERVER"] = f"pingpad-played-{os.getpid()}"
    devices = open_devices(mixer)
    try:
        yield
    finally:
        devices.close()


def open_devices(mixer: Mixer) -> AudioDevices:
    """Open JACK's output, which takes a moment to come up."""
    opened = threading.Event()
    devices = AudioDevices(
        mixer, InputRecorder(RATE, 1.0), lambda state: opened.set() if state.output_name else None
    )
    devices.open()
    if not opened.wait(OPEN_WITHIN_S):
        message = devices.state.message
        devices.close()
        raise PlayerError(f"The bench's JACK server did not start. {message}")
    return devices


@contextmanager
def running(
    role: str, environment: dict[str, str], module: str = "app.bench.realtime_bench"
) -> Iterator[subprocess.Popen[str]]:
    """Run a module as another process in a role of its own; it is ready when it says so."""
    process = subprocess.Popen(
        module_command(module, role),
        env={**child_environment(), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise PlayerError(f"The bench's {role} process did not start.")
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str]) -> str:
    """End a process's work and return the line it found."""
    return process.communicate("end\n", timeout=ANSWER_WITHIN_S)[0]


# --- playing and timing ---


@dataclass(slots=True)
class _Performed:
    """What was played, and what was recorded meanwhile."""

    file: DiskTake = field(default_factory=lambda: DiskTake((), 0.0, 0.0, ""))
    hits: int = 0
    takes: int = 0
    resident_mb: list[float] = field(default_factory=list)


def _play_and_record(mixer: Mixer, seconds: float, folder: Path) -> _Performed:
    """Play while takes are cut out of it and all of it goes to a file."""
    played, ended = _Performed(), list[DiskTake]()
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


def _record(mixer: Mixer, played: _Performed, stop: threading.Event) -> None:
    """Take two seconds of what is played, again and again, and look at the memory."""
    recorder = TakeRecorder(mixer.capture)
    recorder.start()
    while not stop.wait(LOOK_EVERY_S):
        played.resident_mb.append(resident_mb())
        if len(played.resident_mb) % 2 == 0 and recorder.stop() is not None:
            played.takes += 1
            recorder.start()


def _play(mixer: Mixer, seconds: float) -> int:
    """Hit pad 0 at uneven times, swap its sound now and then; return how often it was hit.

    Nothing is kept of a hit: in an hour a list of them would weigh what memory may grow by.
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
            mixer.load(0, impulse())
    return hits


def _play_notes(seconds: float) -> Played | None:
    """Let another process play by MIDI and hear what came of it."""
    if find_spec("jack") is None:
        return None
    return play_notes(seconds, {})


def play_notes(seconds: float, environment: dict[str, str]) -> Played:
    """Run the player for so long, on the JACK server that the environment names."""
    environment = environment | {SECONDS: str(seconds)}
    with running("player", environment, "app.bench.jack_player") as player:
        assert player.stdout is not None
        return read_played(player.stdout.readline())


# --- the other process ---


def _control() -> None:
    """Play silence until told to end; say how often that failed."""
    mixer = Mixer(RATE)
    devices = open_devices(mixer)
    counting = Counting(mixer)
    _say("ready")
    sys.stdin.readline()
    counts = counting.counts()
    devices.close()
    _say(json.dumps({"callbacks": counts.callbacks, "underflows": counts.underflows}))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _control()
