"""Metronome: clicks on the beat and for the count-in; the kernel plays them. Any thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.audio.mixer.gain import gain_from_db
from app.audio.mixer.memory import MixerMemory

CLICK_S = 0.03
CLICKS_HZ = (1760.0, 1320.0)
"""The first beat of a bar, and the other beats."""
LONG_AGO = -(1 << 40)


class Metronome:
    """The two clicks, and when they are played."""

    def __init__(self, memory: MixerMemory) -> None:
        self._memory = memory
        self._clicks: tuple[NDArray[np.float32], ...] = ()
        memory.click["frame"] = LONG_AGO

    def make_clicks(self, rate: int) -> None:
        """Synthesise both clicks for a rate; only while no stream runs."""
        time = np.arange(round(CLICK_S * rate)) / rate
        fall = np.exp(-time / (CLICK_S / 6.0))
        self._clicks = tuple(
            (np.sin(2.0 * np.pi * hertz * time) * fall).astype(np.float32) for hertz in CLICKS_HZ
        )
        control = self._memory.control
        control["click_address"] = [click.ctypes.data for click in self._clicks]
        control["click_frames"] = [len(click) for click in self._clicks]
        self._memory.click["frames_left"] = 0

    def set_gain(self, gain_db: float | None) -> None:
        """Click on every beat; None turns the metronome off."""
        self._memory.control["metronome"] = 0.0 if gain_db is None else gain_from_db(gain_db)

    def count_in(self, start: float, end: float, gain_db: float) -> None:
        """Click on the beats from `start` to before `end`, with or without the metronome."""
        control = self._memory.control
        control["count_in"] = 0.0
        self._memory.order_writes()
        control["count_in_from"], control["count_in_until"] = start, end
        self._memory.order_writes()
        control["count_in"] = gain_from_db(gain_db)

    def end_count_in(self) -> None:
        """End the count-in's clicks."""
        self._memory.control["count_in"] = 0.0
