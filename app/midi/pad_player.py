"""PadPlayer: what hits of every kind need of the mixer. Every call returns at once; any thread."""

from __future__ import annotations

from typing import Protocol


class PadPlayer(Protocol):
    """app.audio.mixer.keyboard.Keyboard, or a fake that records what it is told."""

    @property
    def keys(self) -> range:
        """What can be hit: sixteen pads, or all notes of one, counted from pad 1's."""
        ...

    def hit(self, pad: int, velocity: float = 1.0, time_s: float | None = None) -> None:
        """Play a pad, velocity 0..1, hit at `time_s` (time.perf_counter) or now."""
        ...

    def release(self, pad: int, time_s: float | None = None) -> None:
        """Release a pad, at `time_s`; ends its sound in gate mode."""
        ...

    def stop_all(self) -> None:
        """End all sounds."""
        ...
