"""BeatLine: where the beat is at any moment, as one small value. Any thread."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class BeatLine:
    """A tempo that was at `beat` at `time_s`, and goes on from there.

    Times are by time.perf_counter; beats are quarter notes from the start of the song.
    """

    time_s: float
    beat: float
    bpm: float
    running: bool = True
    """Whether the song plays; a tempo may be known while it stands."""

    def beat_at(self, time_s: float) -> float:
        """Return the beat at a moment: the same as long as it does not run."""
        return self.beat + ((time_s - self.time_s) * self.bpm / 60 if self.running else 0.0)

    def time_of(self, beat: float) -> float:
        """Return the moment of a beat, while it runs."""
        return self.time_s + (beat - self.beat) * 60 / self.bpm

    def at_tempo(self, bpm: float, time_s: float) -> BeatLine:
        """Return it at another tempo from a moment on, without a jump."""
        return replace(self, time_s=time_s, beat=self.beat_at(time_s), bpm=bpm)
