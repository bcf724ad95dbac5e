"""DuplicateFilter: drops the copy of a message that arrives by two routes. MIDI thread.

A program that connects to Pingpad's virtual port usually has an output port too, which Pingpad
opens like any other: each message then arrives twice.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 0.05
"""The two routes differ by at most one block, 21 ms; no hand repeats that fast."""
MAX_REMEMBERED = 64


class DuplicateFilter:
    """Compares the recent messages of Pingpad's virtual port with those of all other ports."""

    def __init__(self) -> None:
        self._unmatched: tuple[deque[tuple[bytes, float]], deque[tuple[bytes, float]]] = (
            deque(maxlen=MAX_REMEMBERED),
            deque(maxlen=MAX_REMEMBERED),
        )

    def is_duplicate(self, data: bytes, time_s: float, *, own: bool) -> bool:
        """Return whether the message has just arrived by the other route; each one matches once.

        `own`: it arrived at Pingpad's virtual port.
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
