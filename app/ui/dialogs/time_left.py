"""TimeLeft: estimates and formats the remaining time of a download. Main thread."""

from __future__ import annotations

from collections.abc import Callable

LONG_S = 90.0


class TimeLeft:
    """Estimates from the progress since the first call, which may be a resumed download's."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since, self._first = 0.0, -1

    def format(self, done: int, total: int) -> str:
        """Return ", 5 min left" or the like; "" while there is no estimate yet."""
        now = self._now()
        if self._first < 0 or done < self._first:
            self._since, self._first = now, done
        elapsed = now - self._since
        if elapsed < 1 or done == self._first:
            return ""
        seconds = elapsed * (total - done) / (done - self._first)
        if seconds > LONG_S:
            return f", {seconds / 60:.0f} min left"
        return f", {seconds:.0f} s left"
