"""Counts of a mixer's callback from one moment to another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.audio.mixer.meter import Counts
from app.audio.mixer.mixer import Mixer


class Counting:
    """What a mixer's callback counts from here on."""

    def __init__(self, mixer: Mixer) -> None:
        """Begin; one at a time, for the longest callback is forgotten."""
        self._mixer = mixer
        mixer.forget_longest()
        self._before, self._histogram_before = mixer.counts(), mixer.busy_histogram()

    def counts(self) -> Counts:
        """Return the counts since; `frame` as it is."""
        before, now = self._before, self._mixer.counts()
        return replace(
            now,
            callbacks=now.callbacks - before.callbacks,
            underflows=now.underflows - before.underflows,
            late=now.late - before.late,
            dropped_commands=now.dropped_commands - before.dropped_commands,
            busy_s=now.busy_s - before.busy_s,
        )

    def busy_histogram(self) -> NDArray[np.int64]:
        """Return `Mixer.busy_histogram` since."""
        return self._mixer.busy_histogram() - self._histogram_before
