"""What the mixer is meant to do, written for reading: slow, frame by frame, no blocks, no numba."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.audio.mixer.pad_parameters import HIGHEST_HZ, LOWEST_HZ, PadParameters

CEILING = 10 ** (-0.3 / 20)
Sound = NDArray[np.float32]
Stereo = NDArray[np.float64]


@dataclass(frozen=True)
class ModelEvent:
    """kind: hit, release, stop, stop_all, or swap, which puts `sounds` on the pad; a running loop
    takes them on the next multiple of `beats`.
    """

    frame: int
    kind: str
    pad: int = 0
    velocity: float = 1.0
    note: int = 0
    sounds: tuple[Sound, ...] = ()
    beats: float = 0.0


@dataclass(frozen=True)
class ModelBeats:
    """Beat 0 lies at `anchor`; a beat falls on the first frame at or after it."""

    anchor: float = 0.0
    frames_per_beat: float = 24_000.0

    def frame_of(self, beat: float) -> int:
        return math.ceil(self.anchor + beat * self.frames_per_beat - 1e-6)

    def on(self, frame: int, beats: float) -> float | None:
        """The multiple of `beats` that falls on a frame."""
        near = round((frame - self.anchor) / self.frames_per_beat / beats)
        multiples = (number * beats for number in (near - 1, near, near + 1))
        return next((beat for beat in multiples if self.frame_of(beat) == frame), None)

    def between(self, first: int, last: int) -> float:
        return (last - first) / self.frames_per_beat


@dataclass
class ModelPad:
    sounds: tuple[Sound, ...] = ()
    parameters: PadParameters = field(default_factory=PadParameters)
    turn: int = 0
    held_hit: ModelEvent | None = None
    """The hit that was not let go."""
    pending_swap: ModelEvent | None = None
    """The swap that waits for its beat."""


class Filter:
    """A state-variable filter with trapezoidal integrators, two channels."""

    def __init__(self, frequency_hz: float, rate: int, kind: str) -> None:
        self.g = math.tan(math.pi * min(frequency_hz / rate, 0.45))
        self.kind = kind
        self.band_memory, self.low_memory = np.zeros(2), np.zeros(2)

    def run(self, sample: Stereo) -> Stereo:
        g, k = self.g, math.sqrt(2)
        high = (sample - self.low_memory - (g + k) * self.band_memory) / (1 + g * (g + k))
        band = self.band_memory + g * high
        low = self.low_memory + g * band
        self.band_memory = band + g * high
        self.low_memory = low + g * band
        return low if self.kind == "low" else high


class ModelVoice:
    def __init__(self, pad: ModelPad, index: int, sound: Sound, event: ModelEvent) -> None:
        parameters = pad.parameters
        self.pad, self.note, self.parameters, self.sound = index, event.note, parameters, sound
        self.mode = parameters.mode
        self.speed = 2.0 ** (parameters.tune / 12) * 2.0 ** (event.note / 12)
        self.start = min(math.floor(parameters.start * len(sound)), len(sound) - 1)
        self.end = max(math.ceil(parameters.end * len(sound)), self.start + 1)
        self.velocity_gain = event.velocity**parameters.velocity_curve
        pans = np.cos(np.clip([parameters.pan, -parameters.pan], 0, 1) * np.pi / 2)
        self.gain = self.velocity_gain * 10 ** (parameters.gain_db / 20) * pans
        self.position = 0.0
        self.age = 0
        self.attack_frames = 0
        self.fade_gain, self.fade_step, self.envelope = 1.0, 0.0, 1.0
        self.declick_start = self.start > 0 or parameters.reverse
        self.last_output = np.zeros(2)
        self.filters: list[Filter] = []
        self.layer = 0
        self.loop_beats = 4.0 * parameters.loop_bars if self.loops else 0.0
        self.waits_for_bar = self.loop_beats > 0.0
        self.next_beat: float | None = None
        """On which a locked loop begins anew; None: with the next bar."""

    @property
    def loops(self) -> bool:
        return self.mode in ("loop", "toggle")

    def fade(self, frames: int) -> None:
        self.fade_step = max(self.fade_step, 1.0 / frames)

    def source(self) -> Stereo:
        """The sound at the position: itself, or the sum of a windowed sinc around it."""
        where = self.start + self.position
        if self.parameters.reverse:
            where = self.end - 1 - self.position
        if self.speed == 1.0 and where == math.floor(where):
            return self.sound[int(where)].astype(np.float64)
        semitones = min(max(math.ceil(12 * math.log2(self.speed) - 1e-6), 0), 24)
        stretch = 2 ** (semitones / 12)
        taps = 8 * math.ceil(32 * stretch / 8)
        frames = math.floor(where) + np.arange(taps) - (taps // 2 - 1)
        distance = frames - where
        window = np.i0(7 * np.sqrt(np.clip(1 - (distance / (taps / 2)) ** 2, 0, None)))
        weights = np.sinc(2 * 0.44 / stretch * distance) * window
        weights /= weights.sum()
        if self.loops:
            frames = self.start + (frames - self.start) % (self.end - self.start)
        frames = np.clip(frames, 0, len(self.sound) - 1)
        return np.asarray(weights @ self.sound[frames].astype(np.float64))

    def has_smooth_seam(self) -> bool:
        region = self.sound[self.start : self.end]
        near = np.concatenate([region[:17], region[-17:]])
        edge = min(len(region), 17) - 1
        steps = np.abs(np.diff(near, axis=0)).max(axis=1)
        beside = np.delete(steps, edge)
        seam = np.abs(region[0] - region[-1]).max()
        return len(region) > 1 and bool(seam <= np.float32(1.5) * beside.max())


@dataclass
class MixerModel:
    """Pads and events in, the voices' sum out; `finish` is the end of the chain."""

    rate: int = 48_000
    voices: int = 64
    beats: ModelBeats = field(default_factory=ModelBeats)
    repeat_beats: float = 0.0
    pads: list[ModelPad] = field(default_factory=lambda: [ModelPad() for _ in range(16)])
    slots: list[ModelVoice | None] = field(default_factory=list)
    started: list[ModelVoice] = field(default_factory=list)
    declick_next: Stereo = field(default_factory=lambda: np.zeros(2))

    def play(self, events: list[ModelEvent], frames: int) -> Stereo:
        """Events in the order they were sent; swaps of a frame come first."""
        self.slots = [None] * (2 * self.voices)
        out = np.zeros((frames, 2))
        waiting = sorted(events, key=lambda event: (event.frame, event.kind != "swap"))
        for frame in range(frames):
            while waiting and waiting[0].frame <= frame and waiting[0].kind == "swap":
                event = waiting.pop(0)
                self.pads[event.pad].pending_swap = event
            self.swap_due(frame)
            self.repeat(frame)
            while waiting and waiting[0].frame <= frame:
                self.run_command(waiting.pop(0))
            for slot, voice in enumerate(self.slots):
                if voice is not None and self.restart_on_bar(slot, voice, frame):
                    out[frame] += self.advance(slot, voice, frame)
            # What the voices of this frame took out by their ends belongs to the next frame.
            self.declick *= math.exp(-1 / (0.0015 * self.rate))
            out[frame] += self.declick
            self.declick = self.declick + self.declick_next
            self.declick_next = np.zeros(2)
        return out

    declick: Stereo = field(default_factory=lambda: np.zeros(2))

    def frames(self, seconds: float) -> int:
        return round(seconds * self.rate)

    def sounding(self) -> list[ModelVoice]:
        return [voice for voice in self.slots if voice is not None]

    def repeat(self, frame: int) -> None:
        """Hit held pads again, unless the hand was just before the beat."""
        if self.repeat_beats == 0.0 or self.beats.on(frame, self.repeat_beats) is None:
            return
        for pad in self.pads:
            if pad.held_hit is not None:
                passed = self.beats.between(pad.held_hit.frame, frame)
                if passed > self.repeat_beats / 2:
                    self.hit(pad.held_hit)

    def restart_on_bar(self, slot: int, voice: ModelVoice, frame: int) -> bool:
        """Begin a locked loop anew on its bar; whether the voice sounds on this frame."""
        if voice.loop_beats == 0.0:
            return True
        bar = self.beats.on(frame, 4.0)
        if bar is not None and voice.next_beat in (None, bar):
            if voice.waits_for_bar:
                voice.waits_for_bar = False
                voice.declick_start = voice.start > 0 or voice.parameters.reverse
            elif voice.position > 0.0:
                whole = voice.position >= voice.end - voice.start
                if not (whole and voice.has_smooth_seam()):
                    self.declick = self.declick + voice.last_output
                    voice.declick_start = True
            voice.position = 0.0
            voice.next_beat = bar + voice.loop_beats
        if voice.waits_for_bar and voice.fade_step > 0.0:
            self.slots[slot] = None
        return not voice.waits_for_bar

    def run_command(self, event: ModelEvent) -> None:
        pad = self.pads[event.pad]
        if event.kind == "hit":
            self.hit(event)
            pad.held_hit = event
        elif event.kind == "release" and pad.held_hit and pad.held_hit.note == event.note:
            pad.held_hit = None
        for voice in self.sounding():
            own = voice.pad == event.pad
            if event.kind == "release" and own and voice.note == event.note:
                if voice.mode == "gate":
                    voice.fade(self.frames(pad.parameters.release_s))
            elif (event.kind == "stop" and own) or event.kind == "stop_all":
                voice.fade(self.frames(0.005))

    def hit(self, event: ModelEvent) -> None:
        pad = self.pads[event.pad]
        if pad.parameters.mode == "toggle" and self.toggle_off(event):
            return
        if not pad.sounds:
            return
        group = pad.parameters.choke_group
        for voice in self.sounding():
            same_group = group != 0 and voice.parameters.choke_group == group
            if (voice.pad == event.pad and voice.note == event.note) or same_group:
                voice.fade(self.frames(0.003))
        layer = 0
        if pad.parameters.layers == "round_robin":
            layer = pad.turn % len(pad.sounds)
        elif pad.parameters.layers == "velocity":
            layer = min(int(event.velocity * len(pad.sounds)), len(pad.sounds) - 1)
        pad.turn += 1
        voice = ModelVoice(pad, event.pad, pad.sounds[layer], event)
        voice.layer = layer
        voice.attack_frames = self.frames(pad.parameters.attack_s)
        self.start(voice)

    def toggle_off(self, event: ModelEvent) -> bool:
        held = [
            voice
            for voice in self.sounding()
            if voice.pad == event.pad and voice.note == event.note and voice.mode == "toggle"
        ]
        was_on = any(voice.fade_step == 0.0 for voice in held)
        for voice in held:
            voice.fade(self.frames(self.pads[event.pad].parameters.release_s))
        return was_on

    def start(self, voice: ModelVoice) -> None:
        parameters = voice.parameters
        if parameters.low_pass_hz < HIGHEST_HZ:
            voice.filters.append(Filter(parameters.low_pass_hz, self.rate, "low"))
        if parameters.high_pass_hz > LOWEST_HZ:
            voice.filters.append(Filter(parameters.high_pass_hz, self.rate, "high"))
        held = [other for other in self.started if other in self.slots and other.fade_step == 0.0]
        if len(held) >= self.voices:
            others = [other for other in held if not other.loops]
            (others or held)[0].fade(self.frames(0.010))
        if None not in self.slots:
            fading = [other for other in self.sounding() if other.fade_step > 0.0]
            self.end(self.slots.index(min(fading, key=lambda other: other.fade_gain)), now=True)
        self.slots[self.slots.index(None)] = voice
        self.started.append(voice)

    def swap_due(self, frame: int) -> None:
        for index, pad in enumerate(self.pads):
            event = pad.pending_swap
            runs = any(
                voice.pad == index and voice.loops and voice.fade_step == 0.0
                for voice in self.sounding()
            )
            if event is None:
                continue
            if event.beats == 0.0 or not runs or self.beats.on(frame, event.beats) is not None:
                pad.pending_swap = None
                self.swap(event)

    def swap(self, event: ModelEvent) -> None:
        pad = self.pads[event.pad]
        pad.sounds, pad.turn = event.sounds, 0
        for old in self.sounding():
            if old.pad == event.pad and old.loops and old.fade_step == 0.0:
                old.fade(self.frames(0.020))
                if pad.sounds:
                    self.start(self.make_replacement(old, pad))

    def make_replacement(self, old: ModelVoice, pad: ModelPad) -> ModelVoice:
        layer = min(old.layer, len(pad.sounds) - 1)
        event = ModelEvent(0, "hit", old.pad, note=old.note)
        voice = ModelVoice(pad, old.pad, pad.sounds[layer], event)
        voice.gain = voice.gain * old.velocity_gain
        voice.velocity_gain, voice.layer, voice.mode = old.velocity_gain, layer, old.mode
        voice.attack_frames = self.frames(0.020)
        voice.position = old.position % (voice.end - voice.start)
        voice.loop_beats, voice.next_beat = old.loop_beats, old.next_beat
        voice.waits_for_bar = old.waits_for_bar
        return voice

    def end(self, slot: int, *, now: bool = False) -> None:
        """End a voice; what it added last dies away from this frame on, or from the next."""
        voice = self.slots[slot]
        assert voice is not None
        self.slots[slot] = None
        if now:
            self.declick = self.declick + voice.last_output
        else:
            self.declick_next = self.declick_next + voice.last_output

    def advance(self, slot: int, voice: ModelVoice, frame: int) -> Stereo:
        """One frame of a voice."""
        value = voice.source()
        for each in voice.filters:
            value = each.run(value)
        if voice.age < voice.attack_frames:
            shape = (voice.age + 1) / voice.attack_frames
        else:
            shape = voice.envelope
            decay_s = voice.parameters.decay_s
            decay = 1e-3 ** (1 / (decay_s * self.rate)) if decay_s else 1.0
            voice.envelope = voice.envelope * decay if voice.envelope > 1e-5 else 0.0
        value = value * voice.gain * shape * voice.fade_gain**2
        if voice.declick_start:
            self.declick = self.declick - value
            voice.declick_start = False
        voice.last_output = value
        voice.age += 1
        voice.fade_gain -= voice.fade_step
        voice.position += voice.speed
        over = voice.position >= voice.end - voice.start
        if voice.fade_gain < 1e-9 or voice.envelope == 0.0:
            self.slots[slot] = None
        elif over and not voice.loops:
            self.end(slot)
        elif over and voice.loop_beats > 0.0:
            assert voice.next_beat is not None
            if self.beats.frame_of(voice.next_beat) != frame + 1:
                self.declick_next = self.declick_next + voice.last_output
                voice.waits_for_bar = True
        elif over:
            voice.position %= voice.end - voice.start
            if not voice.has_smooth_seam():
                self.declick_next = self.declick_next + voice.last_output
                voice.declick_start = True
        return value


def block_dc(samples: Stereo, rate: int) -> NDArray[np.float32]:
    """One-pole high-pass at 5 Hz."""
    pole = np.exp(-2 * np.pi * 5.0 / rate)
    out = np.zeros_like(samples)
    before, passed = np.zeros(2), np.zeros(2)
    for frame, sample in enumerate(samples):
        passed = sample - before + pole * passed
        before = sample
        out[frame] = passed
    return out.astype(np.float32)


def measure_true_peaks(samples: NDArray[np.float32]) -> Stereo:
    """For each frame the highest of it and of three points to the next one, by 12 frames around."""
    length, highest = len(samples), np.abs(samples.astype(np.float64))
    padded = np.concatenate([np.zeros((5, 2)), samples, np.zeros((6, 2))])
    rows = np.lib.stride_tricks.sliding_window_view(padded, 12, axis=0)[:length]
    for part in (0.25, 0.5, 0.75):
        distance = np.arange(12) - 5 - part
        window = np.i0(4 * np.sqrt(np.clip(1 - (distance / 6) ** 2, 0, None)))
        weights = np.sinc(distance) * window
        highest = np.maximum(highest, np.abs(rows @ (weights / weights.sum())))
    return np.asarray(highest.max(axis=1))


def limit(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The look-ahead limiter as a definition: needed gain, least in the window, release, mean."""
    window = round(0.0015 * rate) + 1
    needed = np.minimum(1.0, CEILING / np.maximum(measure_true_peaks(samples), 1e-30))
    needed = np.concatenate([np.ones(6), needed])[: len(samples)]
    padded = np.concatenate([np.ones(window - 1), needed])
    least = np.lib.stride_tricks.sliding_window_view(padded, window).min(axis=1)
    held = np.ones(len(least))
    gain = 1.0
    share = 1 - np.exp(-1 / (0.08 * rate))
    for frame, value in enumerate(least):
        gain = value if value - gain < 1e-6 else gain + (value - gain) * share
        held[frame] = gain
    steps = np.floor(np.concatenate([np.ones(window - 1), held]) * 2**30)
    mean = np.lib.stride_tricks.sliding_window_view(steps, window).mean(axis=1) / 2**30
    delayed = np.concatenate([np.zeros((window + 5, 2), np.float32), samples])[: len(samples)]
    return (delayed * mean[:, None]).astype(np.float32)
