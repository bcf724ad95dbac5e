"""Ticker: calls functions on the main thread periodically, with or without a window."""

from __future__ import annotations

import threading
from collections.abc import Callable

from app.threads.background import Post

TICK_S = 0.02
"""Interval of the fast functions, those that a player waits for."""
TICKS_PER_SLOW_TICK = 25
"""The slow functions are called twice a second."""

Tick = Callable[[], object]


class Ticker:
    """Ticks on the main thread at a steady pace; ticks that are missed are skipped."""

    def __init__(
        self, post: Post, fast: tuple[Tick, ...], slow: tuple[Tick, ...], interval_s: float = TICK_S
    ) -> None:
        self._post = post
        self._fast = fast
        self._slow = slow
        self._interval_s = interval_s
        self._ticks = 0
        self._is_posted = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; a tick that is already posted does nothing."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def tick(self) -> None:
        """Call the functions that are due. Main thread."""
        self._is_posted.clear()
        if self._stopped.is_set():
            return
        due = self._fast if self._ticks % TICKS_PER_SLOW_TICK else (*self._fast, *self._slow)
        self._ticks += 1
        for call in due:
            call()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            # Ticks must not pile up while the main thread is busy.
            if not self._is_posted.is_set():
                self._is_posted.set()
                self._post(self.tick)
