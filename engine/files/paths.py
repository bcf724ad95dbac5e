"""Where what ships with Pingpad lies: presets and assets."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
PRESETS = ROOT / "presets"
