"""Times the stages of a generation. Any thread; no torch."""

from __future__ import annotations

import time

from engine.api import Timing


class StageClock:
    """Times one batch of `count` sounds, which are decoded one by one."""

    def __init__(self, count: int) -> None:
        self._last = time.perf_counter()
        self._count = count
        self._ms: dict[str, float] = {}

    def mark(self, stage: str) -> None:
        """End a stage: "text", "encode", "steps" or "decode"."""
        now = time.perf_counter()
        share = 1 if stage == "decode" else self._count
        self._ms[stage] = (now - self._last) * 1e3 / share
        self._last = now

    def timing(self) -> Timing:
        """Return milliseconds a sound."""
        ms = self._ms
        return Timing(ms["text"], ms["encode"], ms["steps"], ms["decode"], sum(ms.values()))
