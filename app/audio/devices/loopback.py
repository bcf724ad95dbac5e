"""Loopback: how long a sound takes out of the computer and back in, found by clicks. Any thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLICKS = 8
FIRST_S, APART_S = 0.5, 0.4
CLICK_S = 0.005
LONGEST_S = 0.35
"""A sound that comes later than this is not taken for the answer to a click."""
LEVEL = 0.5
LIKE = 0.4
"""How like a click what comes back must be, 0..1: a room and a cheap microphone change it."""
MOST_SPREAD_MS = 25.0
"""Clicks further apart than this were not delayed by a way through the air but by a busy system."""
QUIETEST = 1e-3
"""Below this, linear, nothing has come back but noise."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What was measured; `trouble` says why it was not, "" when it was."""

    milliseconds: float = 0.0
    spread_ms: float = 0.0
    """From the earliest to the latest click."""
    heard: int = 0
    """Of CLICKS."""
    trouble: str = ""


def make_clicks(rate: int) -> NDArray[np.float32]:
    """Return what is to be played, `(frames,)`: bursts that are like nothing but themselves."""
    clicks = np.zeros(round((FIRST_S + CLICKS * APART_S) * rate), np.float32)
    burst = _burst(rate)
    for start in _starts(rate):
        clicks[start : start + len(burst)] = burst
    return clicks


def find_round_trip(heard: NDArray[np.float32], rate: int) -> RoundTrip:
    """Return how much later than they were played clicks are in `heard`, `(frames,)`."""
    delays = [
        delay for start in _starts(rate) if (delay := _delay(heard[start:], rate)) is not None
    ]
    if len(delays) <= CLICKS // 2:
        return RoundTrip(
            heard=len(delays),
            trouble=f"Only {len(delays)} of {CLICKS} clicks came back. Connect an output to an "
            "input with a cable, or hold the microphone to the loudspeaker, and turn it up.",
        )
    milliseconds = np.array(delays) * 1000.0 / rate
    median, spread = float(np.median(milliseconds)), float(np.ptp(milliseconds))
    if spread > MOST_SPREAD_MS:
        return RoundTrip(
            heard=len(delays),
            trouble=f"The clicks came back up to {spread:.0f} ms apart: this sound system keeps no "
            "steady time now. Try a longer block, or JACK.",
        )
    return RoundTrip(median, spread, len(delays))


def _starts(rate: int) -> list[int]:
    return [round((FIRST_S + number * APART_S) * rate) for number in range(CLICKS)]


def _burst(rate: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(1).uniform(-LEVEL, LEVEL, max(round(CLICK_S * rate), 16))
    return noise.astype(np.float32)


def _delay(heard: NDArray[np.float32], rate: int) -> int | None:
    """Return frames until what is most like a click; None when nothing is."""
    burst = _burst(rate)
    window = heard[: round(LONGEST_S * rate) + len(burst)].astype(np.float64)
    if len(window) < len(burst) or np.abs(window).max() < QUIETEST:
        return None
    match = np.abs(np.correlate(window, burst, "valid"))
    loudness = np.sqrt(np.convolve(window**2, np.ones(len(burst)), "valid").clip(1e-12))
    place = int(match.argmax())
    return place if match[place] > LIKE * loudness[place] * np.linalg.norm(burst) else None
