"""Owns the memory the kernel reads: hands commands in, and keeps sounds alive while they play.

Any thread of the app may call a Mixer; none of its methods waits for the audio callback.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app.audio.kernel import layout
from app.audio.kernel.interpolation import make_sincs
from app.audio.kernel.steady_clock import find_steady_clock
from app.audio.mixer.clock import QUANTUM_BEATS, Clock, Quantum
from app.audio.mixer.commands import Command, Hit, Release, Stop, StopAll
from app.audio.mixer.pad_parameters import (
    HIGHEST_HZ,
    LAYER_SELECTIONS,
    LOWEST_HZ,
    PAD_MODES,
    PadParameters,
)
from app.audio.recording.capture_buffer import CaptureBuffer

LOOK_AHEAD_S = 0.0015
"""How long the limiter looks ahead; part of the latency."""
LIMITER_RELEASE_S = 0.08
HIGH_PASS_HZ = 5.0
GAIN_SMOOTHING_S = 0.01
RETRIGGER_S = 0.003
CHOKE_S = 0.003
STOP_S = 0.005
STEAL_S = 0.010
SWAP_S = 0.020
"""How long a running loop takes to cross over to its pad's new sound."""
DECLICK_S = 0.0015
"""How fast what is left of a step dies away."""
HIGHEST_OF_RATE = 0.45
"""Filters work up to this share of the rate."""
DECAYED = 1e-3
"""-60 dB."""
CLICK_S = 0.03
CLICKS_HZ = (1760.0, 1320.0)
LOWEST_NOTE, HIGHEST_NOTE = -48, 24
LONG_AGO = -(1 << 40)
RATES_HZ = range(8_000, 400_001)
LOUDEST_DB, QUIETEST_DB = 24.0, -120.0

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
)


@dataclass(frozen=True, slots=True)
class Meter:
    """Output since the last call (linear, 1 is full scale): its highest, its root mean square, and
    whether the limiter worked.
    """

    peak_left: float
    peak_right: float
    limiting: bool
    rms_left: float = 0.0
    rms_right: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What the callback counted since the mixer was made.

    `late` callbacks took longer than their own block lasts; `longest_ms`, since `forget_longest`,
    and `busy_s` are the time spent inside them (0 where the system has no clock the callback may
    read).
    """

    callbacks: int
    underflows: int
    late: int
    dropped_commands: int
    frame: int
    longest_ms: float
    busy_s: float


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of `frames` before `next_frame`, filled at `began_s` (time.perf_counter)."""

    next_frame: int
    frames: int
    began_s: float


class Mixer:
    """Sixteen pads (at most 64), played by up to `voices` voices (at most 64)."""

    def __init__(
        self, rate: int = 48_000, pads: int = 16, voices: int = 64, capture_s: float = 0.0
    ) -> None:
        """Set the memory aside, `capture_s` for the output; nothing is compiled or opened yet."""
        if not 1 <= pads <= layout.PADS:
            raise ValueError(f"pads must be 1..{layout.PADS}, got {pads}")
        if not 1 <= voices <= layout.VOICES:
            raise ValueError(f"voices must be 1..{layout.VOICES}, got {voices}")
        self._lock = threading.Lock()
        self._order = threading.Lock()
        self._mix = np.zeros(1, layout.MIX)
        self._mix.view(np.uint8).fill(0)  # touched now: no page fault in the first callback
        self._control: Any = self._mix["control"][0]
        self._status: Any = self._mix["status"][0]
        self._pads = self._mix["pads"][0]
        self._pad_states = self._mix["pad_states"][0]
        self._sample_sets = self._mix["sample_sets"][0]
        self._set_users = self._mix["set_users"][0]
        self._commands = self._mix["commands"][0]
        self._alive: dict[int, tuple[NDArray[np.float32], ...]] = {}
        self._retired: dict[int, int] = {}
        self._dropped = 0
        self._free = list(range(layout.SAMPLE_SETS - 1, -1, -1))
        self._pads["sample_set"] = self._pad_states["active_set"] = layout.NO_SET
        self._pad_states["pending_set"] = layout.NO_PENDING_SET
        self._pad_states["position"] = -1
        self._parameters = [PadParameters()] * pads
        self._sincs = make_sincs()
        self.at_once = False
        """Hits sound with the next block: up to a block sooner, and less evenly."""
        self._tempo_line = 0
        self._clicks: tuple[NDArray[np.float32], ...] = ()
        clock = find_steady_clock()
        self._control["clock"] = clock.address
        self._control["ticks_per_s"] = clock.ticks_per_s
        self._control["pads"] = pads
        self._control["max_voices"] = voices
        self._control["slots"] = 2 * voices
        self._control["master_gain"] = 1.0
        self._control["sinc_weights"] = self._sincs.weights.ctypes.data
        self._control["sinc_taps"] = self._sincs.taps
        self._control["sinc_start"] = self._sincs.starts
        self._mix["master_bus"][0]["gain"] = 1.0
        self._mix["click"][0]["frame"] = LONG_AGO
        self._control["rate"] = rate
        self.capture = CaptureBuffer(self._mix["output_ring"][0], capture_s, rate, 2)
        """What left, without the metronome: what frame n of the mixer's clock starts lies from
        frame n + `latency_frames` on."""
        self.clock = Clock(self, self._write_tempo_line)
        """Tempo, beats and bars on this mixer's frames."""
        self.set_rate(rate)

    @property
    def rate(self) -> int:
        """Frames a second."""
        return int(self._control["rate"])

    @property
    def pads(self) -> int:
        """How many pads there are."""
        return int(self._control["pads"])

    @property
    def latency_frames(self) -> int:
        """Frames from a hit's own frame to its sound in the output: the limiter's look-ahead."""
        return int(self._control["limiter_window"]) - 1 + layout.PEAK_REACH

    def set_rate(self, rate: int) -> None:
        """Work at another rate in Hz; only while no stream runs. Load every pad again after it."""
        if rate not in RATES_HZ:
            raise ValueError(f"the rate must be 8000..400000 Hz, got {rate}")
        control = self._control
        control["rate"] = rate
        control["limiter_window"] = round(LOOK_AHEAD_S * rate) + 1
        control["gain_smoothing"] = 1.0 - math.exp(-1.0 / (GAIN_SMOOTHING_S * rate))
        control["limiter_release"] = 1.0 - math.exp(-1.0 / (LIMITER_RELEASE_S * rate))
        control["dc_pole"] = math.exp(-2.0 * math.pi * HIGH_PASS_HZ / rate)
        for name, seconds in (
            ("retrigger_frames", RETRIGGER_S),
            ("choke_frames", CHOKE_S),
            ("stop_frames", STOP_S),
            ("steal_frames", STEAL_S),
            ("swap_frames", SWAP_S),
        ):
            control[name] = round(seconds * rate)
        control["declick_decay"] = math.exp(-1.0 / (DECLICK_S * rate))
        control["open_filter"] = self._warp_frequency(HIGHEST_HZ)
        control["closed_filter"] = self._warp_frequency(LOWEST_HZ)
        self._reset_master_bus()
        if rate != self.capture.segment.rate:
            self.capture.set_format(rate, 2)
        self.clock.follow_rate()
        self._make_clicks()
        for pad, parameters in enumerate(self._parameters):
            self.configure(pad, parameters)

    def _reset_master_bus(self) -> None:
        """Empty the filter and the limiter: what they hold belongs to another rate."""
        bus = self._mix["master_bus"][0]
        gain = float(bus["gain"])
        self._mix["master_bus"].view(np.uint8).fill(0)
        window = int(self._control["limiter_window"])
        bus["gain"] = gain
        bus["min_gain"] = bus["released_gain"] = 1.0
        bus["needed_gains"][:] = 1.0
        bus["quiet_frames"] = layout.PEAK_TAPS
        bus["gain_steps"][:window] = layout.GAIN_UNIT
        bus["gain_steps_sum"] = window * layout.GAIN_UNIT

    # --- pads ---

    def load(self, pad: int, samples: NDArray[np.float32] | None, at: Quantum = "now") -> None:
        """Set what the pad's next hit plays: `(frames, 2)` at the mixer's rate; None empties it.

        Voices that play the old sound to its end go on with it, those that go round cross over to
        the new one; the old one is let go when the last of them ended. While one goes round, the
        new sound waits for the beat, bar or fourth bar that `at` says, whatever the tempo does
        meanwhile. The array must not be changed any more.
        """
        self.load_layers(pad, () if samples is None else (samples,), at)

    def load_layers(
        self, pad: int, layers: Sequence[NDArray[np.float32]], at: Quantum = "now"
    ) -> None:
        """Set up to 16 sounds of a pad; `PadParameters.layers` says which one a hit plays."""
        self._check_pad(pad)
        if len(layers) > layout.LAYERS:
            raise ValueError(f"a pad can have {layout.LAYERS} layers, got {len(layers)}")
        playable = tuple(_playable(samples) for samples in layers)
        with self._lock:
            self._free_retired()
            old = int(self._pads[pad]["sample_set"])
            self._pads[pad]["swap_beats"] = QUANTUM_BEATS[at]
            self._order_writes()
            self._pads[pad]["sample_set"] = self._keep(playable) if playable else layout.NO_SET
            if old != layout.NO_SET:
                self._retire(old)

    def _keep(self, layers: tuple[NDArray[np.float32], ...]) -> int:
        """Write sounds into a free place of the kernel's table and return the place."""
        if not self._free:
            raise RuntimeError(f"more than {layout.SAMPLE_SETS} sounds wait for the audio callback")
        place = self._free.pop()
        self._alive[place] = layers
        stack = self._sample_sets[place]
        stack["layers"] = len(layers)
        for number, samples in enumerate(layers):
            stack["address"][number] = samples.ctypes.data
            stack["frames"][number] = len(samples)
        self._order_writes()
        return place

    def _retire(self, place: int) -> None:
        """Note after which block no pad can take this stack up any more."""
        self._order_writes()
        self._retired[place] = int(self._status["blocks_begun"])

    def _free_retired(self) -> None:
        """Free replaced stacks: the block that could still take them up is over, and then no pad
        plays them and no voice has them.

        A stack once put down is never taken up again, and the number of its users only falls then.
        """
        done = int(self._status["blocks_done"])
        self._order_writes()
        heard = {int(stack) for stack in self._pad_states["active_set"]}
        self._order_writes()
        for place, begun in list(self._retired.items()):
            if done >= begun and place not in heard and self._set_users[place] == 0:
                del self._retired[place]
                del self._alive[place]
                self._free.append(place)

    def configure(self, pad: int, parameters: PadParameters) -> None:
        """Set how a pad plays. Gain, pan, tune and filters are heard at once, without a step; the
        rest belongs to the next hit.
        """
        self._check_pad(pad)
        rate, row = self.rate, self._pads[pad]
        gain = _linear(parameters.gain_db)
        left = gain * math.cos(max(parameters.pan, 0.0) * math.pi / 2.0)
        right = gain * math.cos(min(parameters.pan, 0.0) * math.pi / 2.0)
        with self._lock:
            self._parameters[pad] = parameters
            row["mode"] = PAD_MODES.index(parameters.mode)
            row["layer_selection"] = LAYER_SELECTIONS.index(parameters.layers)
            row["choke_group"] = parameters.choke_group
            row["gain"] = (left, right)
            row["velocity_curve"] = parameters.velocity_curve
            row["start"], row["end"] = parameters.start, parameters.end
            row["reverse"] = parameters.reverse
            row["speed"] = 2.0 ** (parameters.tune / 12.0)
            row["attack_frames"] = round(parameters.attack_s * rate)
            decay_frames = parameters.decay_s * rate
            row["decay"] = DECAYED ** (1.0 / decay_frames) if decay_frames else 1.0
            row["release_frames"] = round(parameters.release_s * rate)
            low, high = parameters.low_pass_hz, parameters.high_pass_hz
            row["loop_beats"] = parameters.loop_bars * layout.BEATS_PER_BAR
            row["low_pass"] = self._warp_frequency(low) if low < HIGHEST_HZ else 0.0
            row["high_pass"] = self._warp_frequency(high) if high > LOWEST_HZ else 0.0

    def _warp_frequency(self, frequency_hz: float) -> float:
        """Return tan(pi f / rate), by which the kernel's filters know a frequency."""
        return math.tan(math.pi * min(frequency_hz / self.rate, HIGHEST_OF_RATE))

    # --- beats ---

    @property
    def frame(self) -> int:
        """The next block's first frame on the mixer's clock."""
        return int(self._status["frame"])

    def set_metronome(self, gain_db: float | None) -> None:
        """Click on every beat, brighter on a bar's first; None ends it. Recordings lack it."""
        self._control["metronome"] = 0.0 if gain_db is None else _linear(gain_db)

    def count_in(self, start: float, end: float, gain_db: float) -> None:
        """Click on the beats from `start` to before `end`, whatever the tempo or the metronome."""
        control = self._control
        control["count_in"] = 0.0
        self._order_writes()
        control["count_in_from"], control["count_in_until"] = start, end
        self._order_writes()
        control["count_in"] = _linear(gain_db)

    def end_count_in(self) -> None:
        """Click no longer than the metronome does."""
        self._control["count_in"] = 0.0

    def set_note_repeat(self, beats: float) -> None:
        """Hit held pads again on every multiple of so many beats; 0 ends it."""
        self._control["repeat_beats"] = beats

    def _write_tempo_line(self, anchor: float, frames_per_beat: float) -> None:
        """Hand the callback a tempo line: whole, because it is not the one in use."""
        self._tempo_line = (self._tempo_line + 1) % layout.TEMPO_LINES
        self._mix["tempo_lines"][0][self._tempo_line] = (anchor, frames_per_beat)
        self._order_writes()
        self._control["tempo_line"] = self._tempo_line

    def _make_clicks(self) -> None:
        """Make the metronome's two clicks for the rate."""
        time = np.arange(round(CLICK_S * self.rate)) / self.rate
        fall = np.exp(-time / (CLICK_S / 6.0))
        self._clicks = tuple(
            (np.sin(2.0 * np.pi * hertz * time) * fall).astype(np.float32) for hertz in CLICKS_HZ
        )
        self._control["click_address"] = [tick.ctypes.data for tick in self._clicks]
        self._control["click_frames"] = [len(tick) for tick in self._clicks]
        self._mix["click"][0]["frames_left"] = 0

    def set_master_gain(self, gain_db: float) -> None:
        """Set the gain of everything, -120..24 dB; reached within some 40 ms without a step."""
        gain = _linear(gain_db)
        with self._lock:
            self._control["master_gain"] = gain

    # --- playing ---

    def hit(
        self, pad: int, velocity: float = 1.0, at_frame: int | None = None, note: int = 0
    ) -> None:
        """Start a pad. Velocity 0..1 becomes a level by the pad's curve, 0 plays nothing.

        `at_frame` counts on the mixer's clock (`counts().frame`, `frame_at`); None, and a frame
        that has passed, mean the first frame of the next block. `note` -48..24 is in semitones;
        with the pad's tune it reaches 24 at most.
        """
        velocity = min(max(velocity, 0.0), 1.0)
        if velocity > 0.0:
            self.send(Hit(pad, velocity, at_frame, note))

    def release(self, pad: int, at_frame: int | None = None, note: int = 0) -> None:
        """Let go of a pad's note: its gate voices fade out."""
        self.send(Release(pad, at_frame, note))

    def stop(self, pad: int, at_frame: int | None = None) -> None:
        """Fade a pad out in 5 ms, whatever its mode: this is how a loop ends."""
        self.send(Stop(pad, at_frame))

    def stop_all(self) -> None:
        """Fade everything out in 5 ms and forget hits that are still to come."""
        self.send(StopAll())

    def send(self, command: Command) -> None:
        """Write a command into the ring; when it is full the command is dropped and counted."""
        if not isinstance(command, StopAll):
            self._check_pad(command.pad)
        if isinstance(command, Hit | Release) and not LOWEST_NOTE <= command.note <= HIGHEST_NOTE:
            raise ValueError(f"note must be {LOWEST_NOTE}..{HIGHEST_NOTE}, got {command.note}")
        row = _row(command)
        with self._lock:
            written = int(self._control["commands_written"])
            if written - int(self._status["commands_read"]) >= layout.COMMANDS:
                self._dropped += 1
                return
            self._commands[written % layout.COMMANDS] = row
            self._order_writes()
            self._control["commands_written"] = written + 1

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame on which to play what happened at `time_s` (time.perf_counter).

        One block later than it happened, always: hits keep their distances, whatever part of a
        block they fall into. None, which is the next block, when hits are played at once, while
        no callback has been timed, or when it was long ago.
        """
        return None if self.at_once else self.frame_of_moment(time_s)

    def frame_of_moment(self, time_s: float) -> int | None:
        """Return the frame played one block after `time_s`; None where that is not known."""
        last = self._last_block()
        if last is None:
            return None
        wanted = last.next_frame + round((time_s - last.began_s) * self.rate)
        near = last.next_frame - last.frames <= wanted <= last.next_frame + 8 * last.frames
        return wanted if near else None

    def moment_of_frame(self, frame: int) -> float | None:
        """Return when (time.perf_counter) the callback comes to a frame; None: not known."""
        last = self._last_block()
        if last is None:
            return None
        return last.began_s + (frame - (last.next_frame - last.frames)) / self.rate

    def _last_block(self) -> _Block | None:
        """Return the last block that was filled; None before the first, and without a clock."""
        status = self._status
        for _ in range(3):
            done = int(status["blocks_done"])
            frame, block = int(status["frame"]), int(status["block_frames"])
            began = int(status["block_ticks"])
            if done == int(status["blocks_begun"]) == int(status["blocks_done"]) and began:
                return _Block(frame, block, began / int(self._control["ticks_per_s"]))
        return None

    # --- what is heard ---

    def meter(self) -> Meter:
        """Return the peaks since the last call; for one reader."""
        status = self._status
        if int(status["meter_resets_done"]) != int(self._control["meter_resets_requested"]):
            return Meter(0.0, 0.0, False)
        left, right = (float(peak) for peak in status["peak"])
        frames = max(int(status["metered_frames"]), 1)
        rms_left, rms_right = (math.sqrt(float(power) / frames) for power in status["power"])
        meter = Meter(left, right, int(status["limited_frames"]) > 0, rms_left, rms_right)
        self._control["meter_resets_requested"] += 1
        return meter

    def playing(self, pad: int) -> float | None:
        """Return where the pad's newest voice is, in seconds of its sound; None when it is silent.

        A voice that fades out (released, choked, hit again) no longer counts.
        """
        self._check_pad(pad)
        position = int(self._pad_states[pad]["position"])
        return None if position < 0 else position / self.rate

    def counts(self) -> Counts:
        """Return what the callback counted so far."""
        status = self._status
        per_s = int(self._control["ticks_per_s"])
        forgotten = int(status["longest_resets_done"]) != int(
            self._control["longest_resets_requested"]
        )
        return Counts(
            callbacks=int(status["callbacks"]),
            underflows=int(status["underflows"]),
            late=int(status["late"]),
            dropped_commands=self._dropped + int(status["commands_dropped"]),
            frame=int(status["frame"]),
            longest_ms=0.0 if forgotten else int(status["longest_ticks"]) * 1000.0 / per_s,
            busy_s=int(status["busy_ticks"]) / per_s,
        )

    def forget_longest(self) -> None:
        """Let `Counts.longest_ms` begin anew; for one caller."""
        self._control["longest_resets_requested"] += 1

    def busy_histogram(self) -> NDArray[np.int64]:
        """Return how many callbacks took so many thousandths of their block, a row of 1000; the
        last number counts those that took all of it or more.
        """
        return np.array(self._status["busy_histogram"])

    @property
    def block_frames(self) -> int:
        """Frames of the last block, 0 before the first."""
        return int(self._status["block_frames"])

    @property
    def sounds_alive(self) -> int:
        """Sounds kept in memory: those on pads and replaced ones that may still be playing."""
        with self._lock:
            self._free_retired()
            return len(self._alive)

    # --- the callback ---

    @property
    def memory_address(self) -> int:
        """What the output callback gets as its user data."""
        return self._mix.ctypes.data

    @property
    def callback_address(self) -> int:
        """The output callback as a C function; the first use loads (or compiles) the kernel."""
        from app.audio.kernel.callbacks import output_callback

        return cast("int", output_callback.address)

    def render(self, frames: int, block: int = 128) -> NDArray[np.float32]:
        """Play `frames` frames in blocks of `block` without a sound card, by the same callback.

        Never while a stream runs: then the callback has another owner.
        """
        out = np.zeros((frames, 2), np.float32)
        call = _CALLBACK(self.callback_address)
        for start in range(0, frames, block):
            count = min(block, frames - start)
            call(None, out[start:].ctypes.data, count, None, 0, self.memory_address)
        return out

    def play_to_nobody(self, frames: int, block: int) -> None:
        """Let time pass where no device takes the sound: what nobody waits for cannot be late.

        Never while a stream runs.
        """
        status = self._status
        counted = {name: np.array(status[name]) for name in layout.CALLBACK_COUNTS}
        self.render(frames, block)
        for name, value in counted.items():
            status[name] = value

    # --- small things ---

    def _check_pad(self, pad: int) -> None:
        if not 0 <= pad < self.pads:
            raise ValueError(f"pad must be 0..{self.pads - 1}, got {pad}")

    def _order_writes(self) -> None:
        """Keep the processor from moving memory accesses across this: a lock's work, borrowed."""
        with self._order:
            pass


def _row(command: Command) -> tuple[int, int, int, float, int, float]:
    """Return the command as the ring's record."""
    if isinstance(command, StopAll):
        return (layout.STOP_ALL, layout.NOW, 0, 0.0, 0, 1.0)
    frame = layout.NOW if command.frame is None else max(command.frame, 0)
    if isinstance(command, Hit):
        transpose = 2.0 ** (command.note / 12.0)
        return (layout.HIT, frame, command.pad, command.velocity, command.note, transpose)
    if isinstance(command, Release):
        return (layout.RELEASE, frame, command.pad, 0.0, command.note, 1.0)
    return (layout.STOP, frame, command.pad, 0.0, 0, 1.0)


def _playable(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the samples as the kernel reads them; refuse what would make it read nonsense."""
    if samples.ndim != 2 or samples.shape[1] != 2 or samples.shape[0] == 0:
        raise ValueError(f"samples must be (frames, 2) with frames > 0, got {samples.shape}")
    if samples.dtype != np.float32:
        raise ValueError(f"samples must be float32, got {samples.dtype}")
    if not np.isfinite(samples).all():
        raise ValueError("samples must be finite")
    return np.ascontiguousarray(samples)


def _linear(gain_db: float) -> float:
    """Return a gain in dB as a factor; -120 dB is silence."""
    if not QUIETEST_DB <= gain_db <= LOUDEST_DB:
        raise ValueError(f"gain_db must be {QUIETEST_DB:g}..{LOUDEST_DB:g}, got {gain_db}")
    return 0.0 if gain_db == QUIETEST_DB else 10.0 ** (gain_db / 20.0)
