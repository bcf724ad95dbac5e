"""How long the stages of a generation take. Any thread; no torch."""

from __future__ import annotations

import time

from engine.api import Timing


class StageClock:
    """Times the stages of one generation of `count` sounds, each of which is decoded alone."""

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
        """Return milliseconds for one sound."""
        ms = self._ms
        return Timing(ms["text"], ms["encode"], ms["steps"], ms["decode"], sum(ms.values()))
