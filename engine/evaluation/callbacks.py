"""Types of the callbacks of an evaluation: the loader of models, and lines of progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.process.generator_protocol import Generator

LoadGenerator = Callable[[Path, str], Generator]
"""Loads the model in a folder onto a device; raises EngineError."""
ShowLine = Callable[[str], None]
"""Shows a line of progress."""
