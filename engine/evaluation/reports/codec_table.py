"""Figures of autoencoders as a table for a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from engine.evaluation.reports.figures_file import write_figures
from engine.evaluation.reports.table import EMPTY_CELL, align_columns
from engine.evaluation.runs.codec_comparison import CodecRow

COLUMNS = (
    ("kbit", "kbit/s", ".1f"),
    ("log_mel_db", "log-mel dB ↓", ".2f"),
    ("spectral", "STFT ↓", ".3f"),
    ("onset_ms", "onset ms ↓", ".2f"),
    ("onsets_close", "≤ 3 ms ↑", ".0%"),
    ("stereo_db", "stereo dB ↓", ".2f"),
    ("width", "width ↓", ".3f"),
    ("top_db", "12–16 kHz dB", "+.1f"),
    ("in_tune", "in tune ↑", ".0%"),
)
"""Field of CodecFigures, heading with what is better, format."""


def format_codec_table(rows: Sequence[CodecRow]) -> str:
    """The figures for a terminal: over all sounds, then log-mel distances by family."""
    lines = [["", *(heading for _, heading, _ in COLUMNS)]]
    lines += [
        [row.name, *(_format_cell(getattr(row.every, field), form) for field, _, form in COLUMNS)]
        for row in rows
    ]
    first = rows[0].families
    families = [["log-mel dB ↓ by family", *(f"{name} ({first[name].sounds})" for name in first)]]
    families += [
        [row.name, *(f"{found.log_mel_db:.2f}" for found in row.families.values())] for row in rows
    ]
    every = rows[0].every
    counts = f"{every.sounds} held-out sounds, {every.onsets} sharp onsets, {every.notes} notes."
    return f"{align_columns(lines)}\n\n{align_columns(families)}\n\n{counts}"


def _format_cell(value: float | None, form: str) -> str:
    return EMPTY_CELL if value is None else f"{value:{form}}"


def codecs_as_json(rows: Sequence[CodecRow]) -> str:
    """All figures as one JSON object."""
    return json.dumps({"rows": [asdict(row) for row in rows]})


def write_codecs(rows: Sequence[CodecRow], folder: Path) -> Path:
    """Write codecs.json, the folder too if need be; raises EngineError if that fails."""
    return write_figures(folder, {"codecs.json": codecs_as_json(rows) + "\n"})[0]
