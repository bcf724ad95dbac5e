"""Prepares a Clip for the mixer: stereo, the stream's rate, contiguous, no clicks at its ends.

Any thread; a 12 s clip takes some tens of milliseconds to resample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.clip import Clip

FADE_S = 0.001
CLICK = 0.01
"""-40 dB: a larger step from or to silence is audible as a click."""


def prepare(clip: Clip, rate: int) -> NDArray[np.float32]:
    """Return `(frames, 2)` float32 at `rate` Hz.

    A start or end that would click is faded over 1 ms. A seamless loop, whose end continues into
    its start, keeps both ends, because fades would leave a gap at the seam.
    """
    samples = np.array(clip.stereo().at_rate(rate).samples, np.float32, order="C")
    fade = min(round(FADE_S * rate), len(samples) // 2)
    if fade == 0 or _loops_smoothly(samples):
        return samples
    ramp = (np.arange(1, fade + 1, dtype=np.float32) / np.float32(fade + 1))[:, None]
    # Fade the start only where it is a cut: a drum may well begin at its loudest.
    if np.abs(samples[0]).max() > CLICK and not _is_attack(samples, rate):
        samples[:fade] *= ramp
    if np.abs(samples[-1]).max() > CLICK:
        samples[-fade:] *= ramp[::-1]
    return samples


def _loops_smoothly(samples: NDArray[np.float32]) -> bool:
    """Whether the step from the last frame to the first is no larger than steps nearby."""
    near = np.concatenate([samples[-32:], samples[:32]])
    edge = min(32, len(samples)) - 1
    steps = np.abs(np.diff(near, axis=0)).max(axis=1)
    others = np.delete(steps, edge)
    loud = bool(np.abs(samples[[0, -1]]).max() > CLICK)
    return loud and others.size > 0 and bool(steps[edge] <= 1.5 * others.max())


def _is_attack(samples: NDArray[np.float32], rate: int) -> bool:
    """Whether the sound's peak is in its first 5 ms: then its start is an attack, not a cut."""
    head = np.abs(samples[: round(0.005 * rate)]).max()
    return bool(head >= 0.9 * np.abs(samples).max())
