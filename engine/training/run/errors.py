"""The error of trainings."""

from __future__ import annotations

from engine.api import EngineError


class RunError(EngineError):
    """A run that cannot start or go on; the text says what to do."""
