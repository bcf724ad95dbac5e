"""Doubles of the sound card and of the recorder."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.audio.devices.round_trip import RoundTrip
from app.audio.devices.state import AudioState, DeviceRequest, MeasuredTrip
from app.audio.mixer.clock import QUANTUM_BEATS, Quantum
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder
from engine.clip import Clip

PLUGGED_IN = AudioState(output_name="Speakers", input_name="Microphone", message="")
NO_CARD = AudioState(message="There is no sound card. Plug one in; Pingpad finds it.")


class FakeDevices:
    """A sound card that a test plugs in and pulls out."""

    def __init__(
        self, mixer: Mixer, recorder: InputRecorder, on_change: Callable[[AudioState], None]
    ) -> None:
        self._mixer = mixer
        self._on_change = on_change
        self.is_open = False
        self.requested = DeviceRequest()

    def open(self, request: DeviceRequest) -> AudioState:
        self.is_open = True
        self.requested = request
        self._on_change(PLUGGED_IN)
        return PLUGGED_IN

    def close(self) -> None:
        self.is_open = False

    def measure(self) -> None:
        measured = (MeasuredTrip("Speakers", "Microphone", 48_000, 128, 10.0, 0.0, 8),)
        self._on_change(
            replace(PLUGGED_IN, round_trip=RoundTrip(10.0, 0.0, 8), round_trips=measured)
        )

    def pull_out(self) -> None:
        self._on_change(NO_CARD)

    def plug_in(self, rate: int = 48_000) -> None:
        if rate != self._mixer.rate:
            self._mixer.set_rate(rate)
        self._on_change(replace(PLUGGED_IN, rate=rate))


class FakeRecorder:
    """Gives what the test put in; its buffer stands where the test puts it."""

    rate = 48_000

    def __init__(self) -> None:
        self.coming: Clip | None = None
        self.running = False
        self.position = 480_000
        self.full = self.cut = False
        self.loud: int | None = None
        """The frame on which a sound comes that is loud enough."""
        self.asked: list[tuple[int | None, int | None]] = []
        """First and last frame of each take."""
        self._first: int | None = None

    @property
    def seconds(self) -> float:
        return 0.0 if self._first is None else (self.position - self._first) / self.rate

    def start(self, at: int | None = None) -> None:
        assert not self.running
        self.running = True
        self._first = at

    def stop(self, end: int | None = None) -> Clip | None:
        assert self.running
        self.running = False
        self.asked.append((self._first, end))
        return self.coming

    def find_loud(self, since: int, threshold: float) -> int | None:
        return self.loud if self.loud is not None and self.loud >= since else None

    def frame_at(self, time_s: float) -> int | None:
        """At 10 s its position was 480 000."""
        return round(time_s * self.rate)


class FakeTiming:
    """A mixer and its beats: 120 bpm at 48 kHz, beat 0 on frame 0, at `frame` since 10 s."""

    rate = 48_000
    latency_frames = 78

    def __init__(self) -> None:
        self.frame = 480_000
        self.frames_per_beat = 24_000.0
        self.anchor = 0.0
        """The frame of beat 0."""
        self.counted_in: list[bool] = []
        self.count_ins_ended = 0

    def set_tempo(self, bpm: float) -> None:
        """Go on at another tempo from the beat that is now."""
        beat = self._beat
        self.frames_per_beat = self.rate * 60.0 / bpm
        self.anchor = self.frame - beat * self.frames_per_beat

    def jump_to(self, beat: float) -> None:
        self.anchor = self.frame - beat * self.frames_per_beat

    @property
    def _beat(self) -> float:
        return (self.frame - self.anchor) / self.frames_per_beat

    def moment_of_frame(self, frame: int) -> float | None:
        return frame / self.rate

    def end_count_in(self) -> None:
        self.count_ins_ended += 1

    def beats_to(self, beat: float) -> float:
        return beat - self._beat

    def frame_of(self, beat: float) -> int:
        return math.ceil(self.anchor + beat * self.frames_per_beat - 1e-6)

    def start_beat(self, quantum: Quantum, *, count_in: bool) -> float | None:
        self.counted_in.append(count_in)
        beats = QUANTUM_BEATS["bar" if count_in else quantum]
        return math.ceil(self._beat / beats - 1e-9) * float(beats) if beats else None

    def next_frame(self, quantum: Quantum) -> int | None:
        beat = self.start_beat(quantum, count_in=False)
        return None if beat is None else self.frame_of(beat)


@dataclass
class DiskFile:
    """The disk recorder's double."""

    seconds: float = 0.0
    paths: list[Path] = field(default_factory=list)
    stopped: int = 0

    def start(self, path: Path) -> None:
        self.paths.append(path)

    def stop(self) -> None:
        self.stopped += 1
