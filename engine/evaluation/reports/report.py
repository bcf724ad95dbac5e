"""The evaluation on disk: results.json, and one page to look at, to play and to read."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import soundfile

from engine.clip import Clip
from engine.evaluation.measures.prompt_checks import PROPERTIES, Check
from engine.evaluation.reports.figures_file import write_figures
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

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1180px;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { max-width: 48rem; margin: .3rem 0; }
.quiet { opacity: .7; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { font-weight: 600; }
article { border-top: 1px solid var(--line); padding: .8rem 0; }
h3 { font-size: 1rem; margin: 0 0 .4rem; }
h3 span { font-weight: 400; opacity: .7; }
.sounds { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 270px; }
figcaption { margin-bottom: .2rem; }
img { width: 100%; height: 128px; display: block; border-radius: 4px; }
audio { width: 100%; height: 32px; margin-top: .3rem; }
ul { list-style: none; margin: .3rem 0 0; padding: 0; font-size: 12px; }
li::before { display: inline-block; width: 1.2em; font-weight: 700; }
.right::before { content: "✓"; color: #2a9d5c; }
.octave::before { content: "8"; color: #c98a12; }
.wrong::before, .unheard::before { content: "✗"; color: #d1495b; }
"""


def write_results(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write both files, the folder too if need be; raises EngineError where it cannot be done."""
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
    """One page that needs no other file and no network."""
    names = "; ".join(row.name for row in evaluation.rows if row.steps is not None)
    title = f"Pingpad evaluation: {names}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{escape(_conditions(evaluation))}</p>',
        "<h2>Measures</h2>",
        _table(["", *(column.heading for column in COLUMNS)], evaluation.rows, format_scores),
        f"<p>{escape(scores_legend(evaluation.about.embedder, evaluation.about.size))}</p>",
        "<h2>What the prompts claim, right by measuring</h2>",
        _table(["", *PROPERTIES, "all"], evaluation.rows, format_shares),
        f"<p>{escape(CHECKS_LEGEND)}</p>",
        "<h2>Sounds</h2>",
        f"<p>{escape(SOUNDS_LEGEND)}</p>",
        *(_article(evaluation, place) for place in range(len(evaluation.shown))),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    size = '<meta name="viewport" content="width=device-width">'
    body = "\n".join(parts)
    start = f'<!doctype html><html lang="en"><head>{head}{size}</head>'
    return f"{start}\n<body>\n{body}\n</body></html>\n"


SOUNDS_LEGEND = (
    "A picture is as wide as the asked length; low is at the bottom, even in mel; from black to "
    "white are 80 dB. ✓ is as the prompt says, 8 an octave off (or twice or half the tempo), ✗ not "
    "so. In brackets, estimated: 0 is as dark or short as that kind of sound is rendered, 1 as "
    "bright or long; what was made may lie beyond."
)


def _conditions(evaluation: Evaluation) -> str:
    about = evaluation.about
    size = about.size
    return (
        f"{about.conditions.made}. {size.prompts} held-out prompts; {size.seeds} seeds of the "
        f"first {size.varied} for CCDS; runs with other seeds: {size.repeats}. "
        f"{about.conditions.place}. The evaluation took {about.minutes:.1f} minutes."
    )


def _table(heads: Sequence[str], rows: Iterable[Row], cells: Callable[[Row], list[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in [row.name, *cells(row)]) + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _article(evaluation: Evaluation, place: int) -> str:
    example, sounds = evaluation.examples[place], evaluation.shown[place]
    facts = f"{example.seconds:.2f} s, seed {example.seed}"
    figures = "".join(_figure(sound, example.seconds) for sound in sounds)
    return (
        f"<article><h3>{escape(example.prompt)} <span>{facts}</span></h3>"
        f'<div class="sounds">{figures}</div></article>'
    )


def _figure(sound: ReportSound, seconds: float) -> str:
    picture = _inline("image/png", spectrogram_png(sound.clip, PICTURE_COLUMNS, seconds))
    audio = _inline("audio/ogg", _ogg(sound.clip))
    checks = "".join(_item(check) for check in sound.checks)
    name = escape(sound.row)
    return (
        f'<figure><figcaption>{name}</figcaption><img alt="spectrogram: {name}" src="{picture}">'
        f'<audio controls preload="metadata" src="{audio}"></audio><ul>{checks}</ul></figure>'
    )


def _item(check: Check) -> str:
    text = f"{check.property}: {check.claimed}, heard {check.measured}"
    return f'<li class="{check.verdict}">{escape(text)}</li>'


def _inline(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _ogg(clip: Clip) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, clip.samples.clip(-1, 1), clip.rate, format="OGG", subtype="VORBIS")
    return file.getvalue()
