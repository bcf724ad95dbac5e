"""Likeness of generated sounds to their source recordings, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from engine.evaluation.reports.figures_file import write_figures
from engine.evaluation.reports.table import align_columns
from engine.evaluation.runs.restyling import Likeness

COLUMNS = (
    ("hums", "hums in tune ↑"),
    ("tunes", "tunes in tune ↑"),
    ("hits_kept", "hits kept ↑"),
    ("hits_meant", "hits meant ↑"),
)


def format_likeness(rows: Sequence[Likeness]) -> str:
    """The figures for a terminal."""
    lines = [["", "strength", *(heading for _, heading in COLUMNS), "log-mel dB"]]
    for row in rows:
        shares = [f"{getattr(row, field):.0%}" for field, _ in COLUMNS]
        lines.append([row.model, f"{row.strength:g}", *shares, f"{row.distance_db:.1f}"])
    return align_columns(lines)


def likeness_as_json(rows: Sequence[Likeness]) -> str:
    """All figures as one JSON object."""
    return json.dumps({"rows": [asdict(row) for row in rows]})


def write_likeness(rows: Sequence[Likeness], folder: Path) -> Path:
    """Write recordings.json, the folder too if need be; raises EngineError."""
    return write_figures(folder, {"recordings.json": likeness_as_json(rows) + "\n"})[0]
