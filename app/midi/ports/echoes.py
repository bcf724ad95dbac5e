"""Echoes: a message that reaches us by two ways plays once. Lives on the MIDI thread.

A program that is connected to Pingpad's own port has a port of its own too, which is opened like
every other: each of its messages comes twice.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 0.05
"""Two ways differ by a block of the MIDI system, 21 ms at most; no hand repeats a hit so fast."""
MOST = 64


class Echoes:
    """Remembers what came in by Pingpad's own port and by the others, for a moment."""

    def __init__(self) -> None:
        self._unmatched: tuple[deque[tuple[bytes, float]], deque[tuple[bytes, float]]] = (
            deque(maxlen=MOST),
            deque(maxlen=MOST),
        )

    def is_echo(self, data: bytes, time_s: float, *, own: bool) -> bool:
        """Say whether the same message came by the other way just now; each one counts once."""
        others = self._unmatched[0 if own else 1]
        while others and time_s - others[0][1] > WINDOW_S:
            others.popleft()
        for message in others:
            if message[0] == data:
                others.remove(message)
                return True
        self._unmatched[1 if own else 0].append((data, time_s))
        return False
