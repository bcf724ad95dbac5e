"""`bench --realtime`: the real-time benchmark. Qt and numba are imported where used."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path


def measure_realtime(minutes: float, model_folder: Path) -> dict[str, object]:
    """Measure for so many minutes and return the figures. Raises PlayerError."""
    from app.bench.under_load import measure_under_load

    # No screen is needed: the window is painted into memory just the same.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return asdict(measure_under_load(minutes, model_folder))
