"""Mixer: the app's interface to the audio kernel: pads, commands, tempo and metering.

Any thread of the app may call a Mixer; none of its methods waits for the audio callback. Players
such as fluidsynth, sfizz or SoLoud mix samples too, but none of them swaps a playing loop on the
bar, starts a hit on its exact frame and needs no interpreter lock in the callback, all at once.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from app.audio.kernel import layout
from app.audio.kernel.interpolation import make_sincs
from app.audio.kernel.steady_clock import find_steady_clock
from app.audio.mixer.block_times import BlockTimes
from app.audio.mixer.clock import QUANTUM_BEATS, Clock, Quantum
from app.audio.mixer.coefficients import write_pad, write_rate
from app.audio.mixer.commands import Command, Hit, Release, Stop, StopAll
from app.audio.mixer.gain import gain_from_db
from app.audio.mixer.memory import MixerMemory
from app.audio.mixer.meter import Counts, Meter, read_counts, read_meter
from app.audio.mixer.metronome import Metronome
from app.audio.mixer.pad_parameters import PadParameters
from app.audio.mixer.sound_table import SoundTable, as_playable
from app.audio.recording.capture_buffer import CaptureBuffer

LOWEST_NOTE, HIGHEST_NOTE = -48, 24
RATES_HZ = range(8_000, 400_001)

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
)


class Mixer:
    """Sixteen pads (at most 64), played by up to `voices` voices (at most 64)."""

    def __init__(
        self, rate: int = 48_000, pads: int = 16, voices: int = 64, capture_s: float = 0.0
    ) -> None:
        """Allocate the memory; `capture_s` seconds of output are captured. Opens nothing yet."""
        if not 1 <= pads <= layout.MAX_PADS:
            raise ValueError(f"pads must be 1..{layout.MAX_PADS}, got {pads}")
        if not 1 <= voices <= layout.MAX_VOICES:
            raise ValueError(f"voices must be 1..{layout.MAX_VOICES}, got {voices}")
        self._lock = threading.Lock()
        self.memory = MixerMemory()
        """The memory that the callback works on."""
        self._dropped = 0
        self._parameters = [PadParameters()] * pads
        self._sincs = make_sincs()
        self._sounds = SoundTable(self.memory)
        self._times = BlockTimes(self.memory)
        self._tempo_line = 0
        self._metronome = Metronome(self.memory)
        self.at_once = False
        """Whether hits start with the next block: up to a block sooner, with more jitter."""
        self._prepare_memory(rate, pads, voices)
        self.capture = CaptureBuffer(self.memory.output_ring, capture_s, rate, 2)
        """The output, without the metronome. A sound that starts on frame n of the mixer's clock
        is captured from frame n + `latency_frames` on."""
        self.clock = Clock(self, self.write_tempo_line)
        """Tempo, beats and bars in frames of this mixer."""
        self.set_rate(rate)

    def _prepare_memory(self, rate: int, pads: int, voices: int) -> None:
        memory, control, clock = self.memory, self.memory.control, find_steady_clock()
        memory.pads["sample_set"] = memory.pad_states["active_set"] = layout.NO_SET
        memory.pad_states["pending_set"] = layout.NO_PENDING_SET
        memory.pad_states["position"] = -1
        memory.master_bus["gain"] = control["master_gain"] = 1.0
        control["clock"], control["ticks_per_s"] = clock.address, clock.ticks_per_s
        control["rate"], control["pads"] = rate, pads
        control["max_voices"], control["slots"] = voices, 2 * voices
        control["sinc_weights"] = self._sincs.weights.ctypes.data
        control["sinc_taps"] = self._sincs.taps
        control["sinc_start"] = self._sincs.starts

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return int(self.memory.control["rate"])

    @property
    def pads(self) -> int:
        """Number of pads."""
        return int(self.memory.control["pads"])

    @property
    def latency_frames(self) -> int:
        """Frames from a hit's own frame to its sound in the output: the limiter's look-ahead."""
        return int(self.memory.control["limiter_window"]) - 1 + layout.PEAK_REACH

    def set_rate(self, rate: int) -> None:
        """Set the sample rate in Hz; only while no stream runs. Reload every pad afterwards."""
        if rate not in RATES_HZ:
            raise ValueError(f"the rate must be 8000..400000 Hz, got {rate}")
        write_rate(self.memory, rate)
        if rate != self.capture.segment.rate:
            self.capture.set_format(rate, 2)
        self.clock.follow_rate()
        self._metronome.make_clicks(rate)
        for pad, parameters in enumerate(self._parameters):
            self.configure(pad, parameters)

    # --- pads ---

    def load(self, pad: int, samples: NDArray[np.float32] | None, at: Quantum = "now") -> None:
        """Set a pad's sound: `(frames, 2)` at the mixer's rate; None empties the pad.

        One-shots that are playing finish with the old sound, loops crossfade to the new one; the
        old one is freed after its last voice has ended. While a loop runs, the new sound waits for
        the beat, bar or fourth bar given by `at`, even if the tempo changes. The array must not be
        modified afterwards.
        """
        self.load_layers(pad, () if samples is None else (samples,), at)

    def load_layers(
        self, pad: int, layers: Sequence[NDArray[np.float32]], at: Quantum = "now"
    ) -> None:
        """Set up to 16 sounds of a pad; `PadParameters.layers` selects the one a hit plays."""
        self._check_pad(pad)
        if len(layers) > layout.LAYERS:
            raise ValueError(f"a pad can have {layout.LAYERS} layers, got {len(layers)}")
        playable = [as_playable(samples) for samples in layers]
        row = self.memory.pads[pad]
        with self._lock:
            self._sounds.free_retired()
            old = int(row["sample_set"])
            row["swap_beats"] = QUANTUM_BEATS[at]
            self.memory.order_writes()
            row["sample_set"] = self._sounds.add(playable) if playable else layout.NO_SET
            if old != layout.NO_SET:
                self._sounds.retire(old)

    def configure(self, pad: int, parameters: PadParameters) -> None:
        """Set how a pad plays. Gain, pan, tune and filters apply at once, smoothed; the rest
        applies from the next hit on.
        """
        self._check_pad(pad)
        with self._lock:
            self._parameters[pad] = parameters
            write_pad(self.memory.pads[pad], parameters, self.rate)

    def set_master_gain(self, gain_db: float) -> None:
        """Set the master gain, -120..24 dB; smoothed, reached within some 40 ms."""
        gain = gain_from_db(gain_db)
        with self._lock:
            self.memory.control["master_gain"] = gain

    # --- beats ---

    @property
    def frame(self) -> int:
        """The next block's first frame on the mixer's clock."""
        return int(self.memory.status["frame"])

    def set_metronome(self, gain_db: float | None) -> None:
        """Click on every beat, higher on the first of a bar; None is off. It is not captured."""
        self._metronome.set_gain(gain_db)

    def count_in(self, start: float, end: float, gain_db: float) -> None:
        """Click on the beats from `start` to before `end`, with or without the metronome."""
        self._metronome.count_in(start, end, gain_db)

    def end_count_in(self) -> None:
        """End the count-in's clicks."""
        self._metronome.end_count_in()

    def set_note_repeat(self, beats: float) -> None:
        """Hit held pads again on every multiple of so many beats; 0 is off."""
        self.memory.control["repeat_beats"] = beats

    def write_tempo_line(self, anchor: float, frames_per_beat: float) -> None:
        """Set the frame of beat 0 and the length of a beat: write an unused line, then switch."""
        self._tempo_line = (self._tempo_line + 1) % layout.TEMPO_LINES
        self.memory.tempo_lines[self._tempo_line] = (anchor, frames_per_beat)
        self.memory.order_writes()
        self.memory.control["tempo_line"] = self._tempo_line

    # --- playing ---

    def hit(
        self, pad: int, velocity: float = 1.0, at_frame: int | None = None, note: int = 0
    ) -> None:
        """Start a pad. Velocity 0..1 becomes a level by the pad's curve, 0 plays nothing.

        `at_frame` is on the mixer's clock (`counts().frame`, `frame_at`); None, and a frame in the
        past, mean the first frame of the next block. `note` -48..24 is in semitones and adds to
        the pad's tune; aliasing is filtered up to 24 in total.
        """
        velocity = min(max(velocity, 0.0), 1.0)
        if velocity > 0.0:
            self.send(Hit(pad, velocity, at_frame, note))

    def release(self, pad: int, at_frame: int | None = None, note: int = 0) -> None:
        """Release a pad's note: its gate voices fade out."""
        self.send(Release(pad, at_frame, note))

    def stop(self, pad: int, at_frame: int | None = None) -> None:
        """Fade a pad out in 5 ms, whatever its mode: this is how a loop ends."""
        self.send(Stop(pad, at_frame))

    def stop_all(self) -> None:
        """Fade everything out in 5 ms and discard pending hits."""
        self.send(StopAll())

    def send(self, command: Command) -> None:
        """Write a command into the ring; when it is full the command is dropped and counted."""
        if not isinstance(command, StopAll):
            self._check_pad(command.pad)
        if isinstance(command, Hit | Release) and not LOWEST_NOTE <= command.note <= HIGHEST_NOTE:
            raise ValueError(f"note must be {LOWEST_NOTE}..{HIGHEST_NOTE}, got {command.note}")
        row, memory = _as_row(command), self.memory
        with self._lock:
            written = int(memory.control["commands_written"])
            if written - int(memory.status["commands_read"]) >= layout.COMMANDS:
                self._dropped += 1
                return
            memory.commands[written % layout.COMMANDS] = row
            memory.order_writes()
            memory.control["commands_written"] = written + 1

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame on which to play a hit that happened at `time_s` (time.perf_counter).

        Always one block later than it happened, so that intervals between hits are kept exactly.
        None, which means the next block, when `at_once` is set, before the first timed callback,
        and for a time too far from now.
        """
        return None if self.at_once else self.frame_of_moment(time_s)

    def frame_of_moment(self, time_s: float) -> int | None:
        """Return the frame played one block after `time_s`; None where that is not known."""
        return self._times.frame_of_moment(time_s)

    def moment_of_frame(self, frame: int) -> float | None:
        """Return when (time.perf_counter) the callback reaches a frame; None if not known."""
        return self._times.moment_of_frame(frame)

    # --- what is heard ---

    def meter(self) -> Meter:
        """Return the levels since the last call; for a single reader."""
        return read_meter(self.memory)

    def playing(self, pad: int) -> float | None:
        """Return the position of the pad's newest voice in seconds of its sound; None if silent.

        Voices that are fading out (released, choked, hit again) do not count.
        """
        self._check_pad(pad)
        position = int(self.memory.pad_states[pad]["position"])
        return None if position < 0 else position / self.rate

    def counts(self) -> Counts:
        """Return the callback's statistics so far."""
        return read_counts(self.memory, self._dropped)

    def forget_longest(self) -> None:
        """Reset `Counts.longest_ms`; for a single caller."""
        self.memory.control["longest_resets_requested"] += 1

    def busy_histogram(self) -> NDArray[np.int64]:
        """Return a histogram of callback times in thousandths of their block, 1000 bins; the last
        bin counts those that took all of it or more.
        """
        return np.array(self.memory.status["busy_histogram"])

    @property
    def block_frames(self) -> int:
        """Frames of the last block, 0 before the first."""
        return int(self.memory.status["block_frames"])

    @property
    def sounds_alive(self) -> int:
        """Sample sets in memory: those on pads and replaced ones that may still be playing."""
        with self._lock:
            self._sounds.free_retired()
            return self._sounds.count

    # --- the callback ---

    @property
    def callback_address(self) -> int:
        """Address of the output callback; the first use loads (or compiles) the kernel."""
        from app.audio.kernel.callbacks import output_callback

        return cast("int", output_callback.address)

    def render(self, frames: int, block: int = 128) -> NDArray[np.float32]:
        """Render `frames` frames in blocks of `block` offline, with the same callback.

        Never while a stream runs: then the sound card owns the memory.
        """
        out = np.zeros((frames, 2), np.float32)
        call = _CALLBACK(self.callback_address)
        for start in range(0, frames, block):
            count = min(block, frames - start)
            call(None, out[start:].ctypes.data, count, None, 0, self.memory.address)
        return out

    def advance_silently(self, frames: int, block: int) -> None:
        """Advance the clock without a device; the callback statistics stay as they are.

        Never while a stream runs.
        """
        status = self.memory.status
        counts = {name: np.array(status[name]) for name in layout.CALLBACK_COUNTS}
        self.render(frames, block)
        for name, value in counts.items():
            status[name] = value

    def _check_pad(self, pad: int) -> None:
        if not 0 <= pad < self.pads:
            raise ValueError(f"pad must be 0..{self.pads - 1}, got {pad}")


def _as_row(command: Command) -> tuple[int, int, int, float, int, float]:
    """Return the command as the ring's record (kernel.layout.COMMAND)."""
    if isinstance(command, StopAll):
        return (layout.STOP_ALL, layout.NOW, 0, 0.0, 0, 1.0)
    frame = layout.NOW if command.frame is None else max(command.frame, 0)
    if isinstance(command, Hit):
        note_speed = 2.0 ** (command.note / 12.0)
        return (layout.HIT, frame, command.pad, command.velocity, command.note, note_speed)
    if isinstance(command, Release):
        return (layout.RELEASE, frame, command.pad, 0.0, command.note, 1.0)
    return (layout.STOP, frame, command.pad, 0.0, 0, 1.0)
