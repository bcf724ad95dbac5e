"""Round-trip latency, from output to input, measured by clicks. Any thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLICKS = 8
FIRST_S, APART_S = 0.5, 0.4
CLICK_S = 0.005
LONGEST_S = 0.35
"""Longest round trip that is measured."""
LEVEL = 0.5
LEAST_LIKENESS = 0.4
"""Least normalised correlation with a click, 0..1: rooms and cheap microphones distort it."""
MOST_SPREAD_MS = 25.0
"""A larger spread is caused by a busy system, not by the acoustic path."""
QUIETEST = 1e-3
"""Below this peak, linear, the input holds nothing but noise."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A measurement; `error` is why it failed, or ""."""

    milliseconds: float = 0.0
    spread_ms: float = 0.0
    """From the earliest to the latest click."""
    heard: int = 0
    """How many of CLICKS were detected."""
    error: str = ""


def make_clicks(rate: int) -> NDArray[np.float32]:
    """Return the clicks to play, `(frames,)`: bursts of noise, whose autocorrelation is narrow."""
    clicks = np.zeros(round((FIRST_S + CLICKS * APART_S) * rate), np.float32)
    burst = _make_burst(rate)
    for start in _click_starts(rate):
        clicks[start : start + len(burst)] = burst
    return clicks


def find_round_trip(recorded: NDArray[np.float32], rate: int) -> RoundTrip:
    """Return the delay of the clicks in the recorded input, `(frames,)`."""
    delays = [
        delay
        for start in _click_starts(rate)
        if (delay := _find_delay(recorded[start:], rate)) is not None
    ]
    if len(delays) <= CLICKS // 2:
        return RoundTrip(
            heard=len(delays),
            error=f"Only {len(delays)} of {CLICKS} clicks came back. Connect an output to an "
            "input with a cable, or hold the microphone to the loudspeaker, and turn it up.",
        )
    milliseconds = np.array(delays) * 1000.0 / rate
    median, spread = float(np.median(milliseconds)), float(np.ptp(milliseconds))
    if spread > MOST_SPREAD_MS:
        return RoundTrip(
            heard=len(delays),
            error=f"The clicks came back up to {spread:.0f} ms apart: this sound system keeps no "
            "steady time now. Try a longer block, or JACK.",
        )
    return RoundTrip(median, spread, len(delays))


def _click_starts(rate: int) -> list[int]:
    return [round((FIRST_S + number * APART_S) * rate) for number in range(CLICKS)]


def _make_burst(rate: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(1).uniform(-LEVEL, LEVEL, max(round(CLICK_S * rate), 16))
    return noise.astype(np.float32)


def _find_delay(recorded: NDArray[np.float32], rate: int) -> int | None:
    """Return the frame at which the correlation with a click peaks; None without a match."""
    burst = _make_burst(rate)
    window = recorded[: round(LONGEST_S * rate) + len(burst)].astype(np.float64)
    if len(window) < len(burst) or np.abs(window).max() < QUIETEST:
        return None
    match = np.abs(np.correlate(window, burst, "valid"))
    loudness = np.sqrt(np.convolve(window**2, np.ones(len(burst)), "valid").clip(1e-12))
    place = int(match.argmax())
    return (
        place if match[place] > LEAST_LIKENESS * loudness[place] * np.linalg.norm(burst) else None
    )
