"""The folders of what ships with Pingpad: presets and assets. Any thread; no torch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("engine")))
ROOT = _PACKAGE.parent
"""The folder of the packages app and engine: a checkout, or an environment's site-packages."""


def _find(name: str) -> Path:
    """Return a folder that an installed engine holds and a checkout has beside it."""
    packaged = _PACKAGE / name
    return packaged if packaged.is_dir() else ROOT / name


ASSETS = _find("assets")
PRESETS = _find("presets")
