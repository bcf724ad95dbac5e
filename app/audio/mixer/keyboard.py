"""Keyboard: plays pads, or the notes of one pad, on the frame that belongs to a hit's time.

Mouse, computer keys and MIDI play the mixer through it, so that chromatic mode and full level apply
to all of them. Any thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.audio.mixer.mixer import HIGHEST_NOTE, LOWEST_NOTE, Mixer


@dataclass(frozen=True, slots=True)
class _Played:
    pad: int
    note: int


class Keyboard:
    """Plays the mixer's pads, or the notes of one pad: key 0 is the sound's own pitch."""

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer
        self._held: dict[int, _Played] = {}
        self.pad: int | None = None
        """The pad whose notes are played; None: each pad plays itself."""
        self.full_level = False
        """Whether every hit has full velocity."""

    @property
    def keys(self) -> range:
        """Valid keys: the sixteen pads, or semitones from the sound's own pitch."""
        return range(self._mixer.pads) if self.pad is None else range(LOWEST_NOTE, HIGHEST_NOTE + 1)

    def hit(self, key: int, velocity: float = 1.0, time_s: float | None = None) -> None:
        """Play a pad, or a note: one of `keys`, hit at `time_s` (time.perf_counter), or now."""
        played = _Played(key, 0) if self.pad is None else _Played(self.pad, key)
        self._held[key] = played
        if self.full_level and velocity > 0.0:
            velocity = 1.0
        self._mixer.hit(played.pad, velocity, self._frame_at(time_s), played.note)

    def release(self, key: int, time_s: float | None = None) -> None:
        """Release what the key played when it was hit, even if it would play something else now."""
        played = self._held.pop(key, None)
        if played is not None:
            self._mixer.release(played.pad, self._frame_at(time_s), played.note)

    def stop_all(self) -> None:
        """Fade everything out and forget the held keys."""
        self._held.clear()
        self._mixer.stop_all()

    def _frame_at(self, time_s: float | None) -> int | None:
        return None if time_s is None else self._mixer.frame_at(time_s)
