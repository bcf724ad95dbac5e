"""The error of training runs. No torch."""

from __future__ import annotations

from engine.api import EngineError


class RunError(EngineError):
    """A run cannot start or continue; the text says what to do."""
