"""Timeline: which beat it is at any moment, as one small immutable value. Any thread."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Timeline:
    """A tempo that was at `beat` at `time_s`, extended from there.

    Times are time.perf_counter seconds; beats are quarter notes from the start of the song.
    """

    time_s: float
    beat: float
    bpm: float
    running: bool = True
    """Whether the song plays; a stopped one has a tempo too."""

    def beat_at(self, time_s: float) -> float:
        """Return the beat at a moment; constant while stopped."""
        return self.beat + ((time_s - self.time_s) * self.bpm / 60 if self.running else 0.0)

    def at_tempo(self, bpm: float, time_s: float) -> Timeline:
        """Return the timeline with another tempo from `time_s` on, the beat continuous."""
        return replace(self, time_s=time_s, beat=self.beat_at(time_s), bpm=bpm)
