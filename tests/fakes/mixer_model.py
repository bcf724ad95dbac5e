"""What the mixer is meant to do, written for reading: slow, frame by frame, no blocks, no numba."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CEILING = 10 ** (-0.3 / 20)


@dataclass
class ModelPad:
    sound: NDArray[np.float32] | None = None
    mode: str = "one_shot"
    gain: float = 1.0
    choke_group: int = 0


@dataclass
class ModelVoice:
    pad: int
    sound: NDArray[np.float32]
    mode: str
    gain: float
    choke_group: int
    position: int = 0
    level: float = 1.0
    fall: float = 0.0

    def fade(self, frames: int) -> None:
        self.fall = max(self.fall, 1.0 / frames)


@dataclass
class MixerModel:
    """Pads and events in, the voices' sum out; `finish` is the end of the chain."""

    rate: int = 48_000
    voices: int = 32
    pads: list[ModelPad] = field(default_factory=lambda: [ModelPad() for _ in range(16)])
    sounding: list[ModelVoice] = field(default_factory=list)

    def play(self, events: list[tuple[int, str, int, float]], frames: int) -> NDArray[np.float64]:
        """Events are (frame, kind, pad, velocity) in the order they were sent."""
        out = np.zeros((frames, 2))
        ordered = sorted(events, key=lambda event: event[0])
        for frame in range(frames):
            while ordered and ordered[0][0] <= frame:
                _, kind, pad, velocity = ordered.pop(0)
                self.obey(kind, pad, velocity)
            for voice in list(self.sounding):
                out[frame] += self.advance(voice)
        return out

    def frames(self, seconds: float) -> int:
        return round(seconds * self.rate)

    def obey(self, kind: str, pad: int, velocity: float) -> None:
        if kind == "hit":
            self.hit(pad, velocity)
        for voice in self.sounding:
            if kind == "release" and voice.pad == pad and voice.mode == "gate":
                voice.fade(self.frames(0.005))
            if (kind == "stop" and voice.pad == pad) or kind == "stop_all":
                voice.fade(self.frames(0.005))

    def hit(self, index: int, velocity: float) -> None:
        pad = self.pads[index]
        if pad.sound is None:
            return
        for voice in self.sounding:
            same_group = pad.choke_group != 0 and voice.choke_group == pad.choke_group
            if voice.pad == index or same_group:
                voice.fade(self.frames(0.003))
        held = [voice for voice in self.sounding if voice.fall == 0.0]
        if len(held) >= self.voices:
            others = [voice for voice in held if voice.mode != "loop"]
            (others or held)[0].fade(self.frames(0.010))
        gain = velocity**2 * pad.gain
        self.sounding.append(ModelVoice(index, pad.sound, pad.mode, gain, pad.choke_group))

    def advance(self, voice: ModelVoice) -> NDArray[np.float64]:
        value = voice.sound[voice.position].astype(np.float64) * voice.gain * voice.level
        voice.level -= voice.fall
        voice.position += 1
        over = voice.position == len(voice.sound)
        if voice.level <= 1e-9 or (over and voice.mode != "loop"):
            self.sounding.remove(voice)
        elif over:
            voice.position = 0
        return value


def high_passed(samples: NDArray[np.float64], rate: int) -> NDArray[np.float32]:
    """One-pole high-pass at 5 Hz."""
    pole = np.exp(-2 * np.pi * 5.0 / rate)
    out = np.zeros_like(samples)
    before, passed = np.zeros(2), np.zeros(2)
    for frame, sample in enumerate(samples):
        passed = sample - before + pole * passed
        before = sample
        out[frame] = passed
    return out.astype(np.float32)


def limited(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The look-ahead limiter as a definition: needed gain, least in the window, release, mean."""
    window = round(0.0015 * rate) + 1
    peaks = np.abs(samples.astype(np.float64)).max(axis=1)
    needed = np.minimum(1.0, CEILING / np.maximum(peaks, 1e-30))
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
    delayed = np.concatenate([np.zeros((window - 1, 2), np.float32), samples])[: len(samples)]
    return (delayed * mean[:, None]).astype(np.float32)
