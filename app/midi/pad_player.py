"""PadPlayer: plays pads by hits from mouse, keys and MIDI. No method blocks; any thread."""

from __future__ import annotations

from typing import Protocol


class PadPlayer(Protocol):
    """app.audio.mixer.keyboard.Keyboard, or a fake that records its calls."""

    @property
    def keys(self) -> range:
        """Valid keys: the sixteen pads, or semitones from the selected pad's own pitch."""
        ...

    def hit(self, key: int, velocity: float = 1.0, time_s: float | None = None) -> None:
        """Play a key, velocity 0..1, hit at `time_s` (time.perf_counter) or now."""
        ...

    def release(self, key: int, time_s: float | None = None) -> None:
        """Release a key, at `time_s` or now; ends its sound in gate mode."""
        ...

    def stop_all(self) -> None:
        """Fade out all sounds."""
        ...
