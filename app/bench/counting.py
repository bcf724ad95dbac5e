"""Counting: a mixer's callback statistics over an interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.audio.mixer.meter import Counts
from app.audio.mixer.mixer import Mixer


class Counting:
    """Callback statistics since the construction."""

    def __init__(self, mixer: Mixer) -> None:
        """Start to count; only one at a time, because it resets the longest callback."""
        self._mixer = mixer
        mixer.forget_longest()
        self._before, self._histogram_before = mixer.counts(), mixer.busy_histogram()

    def counts(self) -> Counts:
        """Return the counts since the start; `frame` is absolute."""
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
        """Return `Mixer.busy_histogram` since the start."""
        return self._mixer.busy_histogram() - self._histogram_before
