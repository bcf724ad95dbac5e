"""Warnings and errors in the log that a test did not expect fail it."""

from __future__ import annotations

import logging


class LogWatch(logging.Handler):
    """Collects records of WARNING and above, of every logger and thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._texts: list[str] = []
        self._expected: dict[str, int | None] = {}
        self._allowed: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(self.format(record))

    def expect(self, part: str, times: int | None = None) -> None:
        """Expect records that contain `part`, tracebacks included: so many, or one or more."""
        self._expected[part] = times

    def allow(self, part: str) -> None:
        """Allow records that contain `part`, where chance decides whether there are any."""
        self._allowed.append(part)

    def problems(self) -> list[str]:
        """Return the records that nobody expected, and what was expected but not logged."""
        known = [*self._expected, *self._allowed]
        stray = [text for text in self._texts if not any(part in text for part in known)]
        return [f"unexpected: {text}" for text in stray] + [
            f"expected {times or 'at least 1'} with {part!r}, got {found}"
            for part, times in self._expected.items()
            if (found := sum(part in text for text in self._texts)) != times
            and (times is not None or not found)
        ]
