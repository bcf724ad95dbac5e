"""A test player: sends notes by JACK MIDI and detects their sounds, with frame-accurate times.

A process of its own on a JACK server: run as `python -m app.bench.jack_player`. It sends pairs of
notes 1 ms apart, at irregular times, for the first pad of whatever is connected to its port,
records the output of PortAudio's client, and logs the server's frame of each note and onset. Linux
only.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.bench.processes import run_process, write_line

CLIENT = "pingpad-player"
SECONDS = "PINGPAD_PLAYER_SECONDS"
"""Environment variable: how long to play."""
PAIRS_PER_S = 12.0
WITHIN_S = 0.001
NOTE_ON = (0x90, 36, 127)
LOUD = 0.2
QUIET_S = 0.0004
"""An onset is preceded by this much quiet: less than the distance between the notes of a pair."""
LATEST_S = 0.25
"""A sound that comes later than this is not attributed to a note."""
WARM_UP_PAIRS = 4
"""The first pairs are not counted, because they include page faults."""
FOUND_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class HitTimes:
    """Milliseconds from a note to the first sample of its sound at the sound card's port.

    `heard` of `hits` were found. The card itself adds its own latency: one block with JACK.
    """

    hits: int
    heard: int
    median_ms: float
    p99_ms: float
    p999_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True)
class PairDistances:
    """Pairs of notes 1 ms apart: frames between their sounds, where both were detected.

    `even` of `heard` pairs were as far apart as the notes, within one frame.
    """

    pairs: int
    heard: int
    even: int
    shortest_frames: int
    longest_frames: int


@dataclass(frozen=True, slots=True)
class Played:
    """The notes sent and the onsets detected, in frames of the server."""

    rate: int
    block_frames: int
    notes: tuple[int, ...]
    onsets: tuple[int, ...]

    def times(self) -> HitTimes:
        """Return the latencies of the first note of each pair."""
        late = [sounds[0] - notes[0] for notes, sounds in self._pairs() if sounds]
        hits = len(self._pairs())
        if not late:
            return HitTimes(hits, 0, *(4 * (float("nan"),)))
        shares = np.percentile(np.array(late) * 1000.0 / self.rate, (50, 99, 99.9, 100))
        return HitTimes(hits, len(late), *(float(share) for share in shares))

    def distances(self) -> PairDistances:
        """Return the distances between the sounds of each pair."""
        heard = [(notes, sounds) for notes, sounds in self._pairs() if len(sounds) == 2]
        apart = [sounds[1] - sounds[0] for _, sounds in heard]
        off = [abs(s[1] - s[0] - (n[1] - n[0])) for n, s in heard]
        return PairDistances(
            len(self._pairs()),
            len(heard),
            sum(frames <= 1 for frames in off),
            min(apart, default=0),
            max(apart, default=0),
        )

    def _pairs(self) -> list[tuple[tuple[int, int], list[int]]]:
        """Return each pair with the onsets between it and the next one."""
        firsts = self.notes[0 : len(self.notes) // 2 * 2 : 2]
        found = []
        for first, second, following in zip(
            firsts, self.notes[1::2], [*firsts[1:], sys.maxsize], strict=False
        ):
            end = min(following, first + round(LATEST_S * self.rate))
            places = np.searchsorted(self.onsets, [first, end])
            found.append(((first, second), list(self.onsets[places[0] : places[1]])))
        return found[WARM_UP_PAIRS:]


def parse_played(line: str) -> Played:
    """Parse the process's output."""
    answer = json.loads(line)
    notes, onsets = tuple(answer["notes"]), tuple(answer["onsets"])
    return Played(answer["rate"], answer["block_frames"], notes, onsets)


def play_notes(seconds: float, environment: dict[str, str]) -> Played:
    """Run the player for so long, on the JACK server that the environment names."""
    environment = environment | {SECONDS: str(seconds)}
    with run_process("player", environment, "app.bench.jack_player") as player:
        assert player.stdout is not None
        return parse_played(player.stdout.readline())


def make_impulse() -> NDArray[np.float32]:
    """Return the sound to load for the player: shorter than the distance within a pair."""
    sound = np.zeros((8, 2), np.float32)
    sound[0] = 0.7
    return sound


# --- the process ---


class OnsetDetector:
    """Detects the frames on which a sound starts after quiet."""

    def __init__(self, quiet_frames: int) -> None:
        self._quiet_frames = quiet_frames
        self._last: int | None = None
        self.onsets: list[int] = []

    def detect(self, start: int, samples: NDArray[np.float32]) -> None:
        """Process the samples from frame `start` on."""
        for place in np.flatnonzero(np.abs(samples) > LOUD):
            frame = start + int(place)
            if self._last is None or frame - self._last > self._quiet_frames:
                self.onsets.append(frame)
            self._last = frame


class NoteSchedule:
    """Pairs of notes at irregular times."""

    def __init__(self, rate: int, seed: int = 0) -> None:
        self._rate = rate
        self._rng = np.random.default_rng(seed)
        self._next: int | None = None
        self.notes: list[int] = []

    def take_due(self, start: int, frames: int) -> Sequence[int]:
        """Return the offsets within the block from `start` on at which to send a note."""
        due = []
        if self._next is None:
            self._next = start
        while self._next < start + frames:
            place = max(self._next - start, 0)
            due.append(place)
            self.notes.append(start + place)
            between_s = (0.5 + self._rng.random()) / PAIRS_PER_S
            second = len(self.notes) % 2 == 1
            self._next = start + place + round((WITHIN_S if second else between_s) * self._rate)
        return due


def _play() -> None:
    import jack

    client = jack.Client(CLIENT)
    out, port = client.midi_outports.register("out"), client.inports.register("in")
    schedule = NoteSchedule(client.samplerate)
    detector = OnsetDetector(round(QUIET_S * client.samplerate))
    playing = threading.Event()

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def process(frames: int) -> None:
        now = client.last_frame_time
        out.clear_buffer()
        if playing.is_set():
            for place in schedule.take_due(now, frames):
                out.write_midi_event(place, NOTE_ON)
        detector.detect(now, port.get_array())

    with client:
        sounds = client.get_ports("PortAudio", is_audio=True, is_output=True)
        client.connect(sounds[0], port)
        write_line("ready")
        pause = threading.Event()
        for _ in range(int(FOUND_WITHIN_S * 20)):
            if client.get_all_connections(out):
                break
            pause.wait(0.05)
        playing.set()
        pause.wait(float(os.environ[SECONDS]))
        playing.clear()
        pause.wait(LATEST_S)
        answer = {"rate": client.samplerate, "block_frames": client.blocksize}
        write_line(json.dumps(answer | {"notes": schedule.notes, "onsets": detector.onsets}))
    sys.stdin.readline()


if __name__ == "__main__":
    _play()
