"""Writes an evaluation: results.json, and a self-contained page with figures and sounds."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import soundfile

from engine.clip import Clip
from engine.evaluation.measures.prompt_checks import PROPERTIES, Check
from engine.evaluation.reports.figures_file import write_figures
from engine.evaluation.reports.html import render_page
from engine.evaluation.reports.pictures import spectrogram_png
from engine.evaluation.reports.table import (
    CHECKS_LEGEND,
    COLUMNS,
    format_scores,
    format_shares,
    scores_legend,
)
from engine.evaluation.runs.evaluate import Evaluation, ReportSound
from engine.evaluation.runs.scoring import Row

RESULTS, PAGE = "results.json", "report.html"
PICTURE_COLUMNS = 260


def write_results(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write both files, the folder too if need be; raises EngineError if that fails."""
    return write_figures(folder, {RESULTS: as_json(evaluation) + "\n", PAGE: as_page(evaluation)})


def as_json(evaluation: Evaluation) -> str:
    """All figures and every single check, without the sounds."""
    examples = [
        {"prompt": example.prompt, "seconds": example.seconds, "seed": example.seed}
        for example in evaluation.examples
    ]
    rows = [asdict(row) for row in evaluation.rows]
    return json.dumps({"about": asdict(evaluation.about), "rows": rows, "examples": examples})


def as_page(evaluation: Evaluation) -> str:
    """Render one page that needs no other file and no network."""
    names = "; ".join(row.name for row in evaluation.rows if row.steps is not None)
    score_heads = ["", *(column.heading for column in COLUMNS)]
    pairs = zip(evaluation.examples, evaluation.shown, strict=False)
    values = {
        "title": f"Pingpad evaluation: {names}",
        "conditions": _describe_conditions(evaluation),
        "scores": _make_table(score_heads, evaluation.rows, format_scores),
        "scores_legend": scores_legend(evaluation.about.embedder, evaluation.about.size),
        "checks": _make_table(["", *PROPERTIES, "all"], evaluation.rows, format_shares),
        "checks_legend": CHECKS_LEGEND,
        "examples": [
            (example, [_make_figure(sound, example.seconds) for sound in sounds])
            for example, sounds in pairs
        ],
    }
    return render_page("report.html", values)


def _describe_conditions(evaluation: Evaluation) -> str:
    about = evaluation.about
    size = about.size
    return (
        f"{about.conditions.made}. {size.prompts} held-out prompts; {size.seeds} seeds of the "
        f"first {size.varied} for CCDS; runs with other seeds: {size.repeats}. "
        f"{about.conditions.place}. The evaluation took {about.minutes:.1f} minutes."
    )


@dataclass(frozen=True, slots=True)
class _Table:
    heads: Sequence[str]
    lines: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Figure:
    """A sound of the page, as data URLs."""

    name: str
    picture: str
    audio: str
    checks: Sequence[Check]


def _make_table(
    heads: Sequence[str], rows: Sequence[Row], cells: Callable[[Row], list[str]]
) -> _Table:
    return _Table(heads, [[row.name, *cells(row)] for row in rows])


def _make_figure(sound: ReportSound, seconds: float) -> _Figure:
    picture = spectrogram_png(sound.clip, PICTURE_COLUMNS, seconds)
    return _Figure(
        sound.row,
        _data_url("image/png", picture),
        _data_url("audio/ogg", _encode_ogg(sound.clip)),
        sound.checks,
    )


def _data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}"


def _encode_ogg(clip: Clip) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, clip.samples.clip(-1, 1), clip.rate, format="OGG", subtype="VORBIS")
    return file.getvalue()
