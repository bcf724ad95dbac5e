"""DuplicateFilter: a message that arrives by two routes plays once. Lives on the MIDI thread.

A program that connects to Pingpad's own port usually has a port of its own too, and Pingpad opens
that like every other: each message then arrives twice.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 0.05
"""The routes differ by at most one block of the MIDI system, 21 ms; no hand repeats that fast."""
MAX_REMEMBERED = 64


class DuplicateFilter:
    """Remembers for a moment what came in by Pingpad's own port and by the others."""

    def __init__(self) -> None:
        self._unmatched: tuple[deque[tuple[bytes, float]], deque[tuple[bytes, float]]] = (
            deque(maxlen=MAX_REMEMBERED),
            deque(maxlen=MAX_REMEMBERED),
        )

    def is_duplicate(self, data: bytes, time_s: float, *, own: bool) -> bool:
        """Say whether the message has just come by the other route; each one matches once.

        `own`: it came by Pingpad's own port.
        """
        others = self._unmatched[0 if own else 1]
        while others and time_s - others[0][1] > WINDOW_S:
            others.popleft()
        for message in others:
            if message[0] == data:
                others.remove(message)
                return True
        self._unmatched[1 if own else 0].append((data, time_s))
        return False
