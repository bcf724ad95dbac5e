"""A main thread without Qt: other threads post, the test runs what was posted."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable


class MainLoop:
    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._thread = threading.current_thread()

    def post(self, fn: Callable[[], object]) -> None:
        self._posted.put(fn)

    def run_until(self, done: Callable[[], object], within_s: float = 20.0) -> None:
        """Run what is posted until `done()`; fails the test when that takes too long."""
        assert threading.current_thread() is self._thread
        deadline = time.monotonic() + within_s
        while not done():
            try:
                fn = self._posted.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"did not happen within {within_s:g} s") from None
            fn()

    def run_posted(self) -> None:
        """Run what has been posted so far."""
        while True:
            try:
                fn = self._posted.get_nowait()
            except queue.Empty:
                return
            fn()
