"""What an evaluation is given to call: a loader of models, and a place for lines of progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.process.generator_protocol import Generator

LoadGenerator = Callable[[Path, str], Generator]
"""A model's folder and a device to a generator; raises EngineError."""
ShowLine = Callable[[str], None]
"""Shows a line about what is being done."""
