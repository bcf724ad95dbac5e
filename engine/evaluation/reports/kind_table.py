"""Figures kind by kind as lines of text, as JSON, and as a page's table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import numpy as np

from engine.evaluation.measures.prompt_checks import Check
from engine.evaluation.references.kind_references import NEAREST
from engine.evaluation.reports.figures_file import write_figures
from engine.evaluation.reports.table import EMPTY_CELL, align_columns, markdown_table
from engine.evaluation.runs.kind_figures import (
    PROPERTIES,
    SILENT_LUFS,
    KindFigures,
    KindsEvaluation,
)

HEADS = (
    "asked for",
    "alike",
    "pitch",
    "key",
    "tempo",
    "length",
    "dB apart",
    "silent",
    "spread",
)
CLOSE_DB = 3.0
"""Tolerated range of levels within a kind."""


def kinds_lines(found: KindsEvaluation) -> list[list[str]]:
    """A line a kind, one a family after its kinds, and one for all."""
    families = dict.fromkeys(figures.family for figures in found.kinds)
    of_families = {
        family: [figures for figures in found.kinds if figures.family == family]
        for family in families
    }
    lines = []
    for family, group in of_families.items():
        lines += [[_format_name(figures), *_format_cells([figures])] for figures in group]
        lines += [[f"all of {family}", *_format_cells(group)]] if len(group) > 1 else []
    return [*lines, ["all", *_format_cells(found.kinds)]]


def _format_name(figures: KindFigures) -> str:
    return figures.kind if figures.combinations_held else f"{figures.kind} *"


def _format_cells(group: Sequence[KindFigures]) -> list[str]:
    """Sums over kinds; level and spread as medians."""
    sounds = sum(figures.sounds for figures in group)
    alike, real = (
        sum(getattr(figures, field) for figures in group) for field in ("alike", "alike_real")
    )
    checks = [figures.checks for figures in group]
    checks_real = [figures.checks_real for figures in group]
    shares = [_format_share(name, checks, checks_real) for name in PROPERTIES]
    levels = [figures.level_db for figures in group if figures.level_db is not None]
    silent = sum(figures.silent for figures in group)
    return [
        f"{alike} of {sounds} ({real})",
        *shares,
        f"{np.median(levels):.1f}" if levels else EMPTY_CELL,
        f"{silent}" if silent else "",
        f"{np.median([figures.spread for figures in group]):.2f}",
    ]


def _format_share(
    name: str,
    made: Iterable[tuple[tuple[Check, ...], ...]],
    real: Iterable[tuple[tuple[Check, ...], ...]],
) -> str:
    """Format right checks of how many, with those of real sounds in brackets."""
    verdicts, ceiling = (
        [
            check.verdict == "right"
            for check in chain.from_iterable(chain.from_iterable(group))
            if check.property == name
        ]
        for group in (made, real)
    )
    return f"{sum(verdicts)} of {len(verdicts)} ({sum(ceiling)})" if verdicts else ""


def kinds_page(found: Sequence[KindsEvaluation]) -> str:
    """The figures in Markdown, a table a model."""
    return "\n\n".join(_make_section(each) for each in found)


def _make_section(found: KindsEvaluation) -> str:
    said = (_describe_size(found), markdown_table(HEADS, kinds_lines(found)), _legend(found))
    return "\n\n".join(said).replace(" *", " \\*")


def _describe_size(found: KindsEvaluation) -> str:
    conditions, size = found.conditions, found.size
    steps = f"{found.steps} step{'s' if found.steps > 1 else ''}"
    return (
        f"{found.model}, {steps}, {conditions.made}, on {conditions.place}: {size.captions} "
        f"held-out captions of each of {len(found.kinds)} kinds."
    )


def _legend(found: KindsEvaluation) -> str:
    sounds = sum(figures.sounds for figures in found.kinds)
    clicks, cut = (
        sum(getattr(figures, field) for figures in found.kinds) for field in ("clicks", "cut")
    )
    size = found.size
    levels = [figures.level_db for figures in found.kinds if figures.level_db is not None]
    return (
        f"In brackets: real sounds of the same captions. Alike: with a sound of their own kind "
        f"among the {NEAREST} nearest of {size.sounds_of_a_kind * len(found.kinds)} rendered ones, "
        f"{size.sounds_of_a_kind} of each kind, by descriptors. Pitch within 50 cents, key by the "
        "triad that has most of the energy, tempo within 2 BPM (of 2 s and more), length within "
        "10 % (textures and loops), of those that claim one. dB apart: the loudest and the softest "
        f"by BS.1770 as they are made, but for silent ones (below {SILENT_LUFS:g} LUFS). Spread: "
        f"how far {size.seeds} seeds of the bare name lie apart, in shares of how far as many real "
        "sounds of the kind do. Of several kinds these two are medians. * has so few "
        "combinations of properties that none is held out: held-out captions alone. "
        f"{sum(level <= CLOSE_DB for level in levels)} of {len(levels)} kinds lie within "
        f"{CLOSE_DB:g} dB. Of {sounds} sounds {sounds - clicks} begin and end at nothing (−60 dB), "
        f"and {sounds - cut} have exactly the asked frames."
    )


def kinds_table(found: Sequence[KindsEvaluation]) -> str:
    """The figures for a terminal."""
    return "\n\n".join(
        f"{_describe_size(each)}\n\n{align_columns([list(HEADS), *kinds_lines(each)])}"
        for each in found
    )


def kinds_json(found: Sequence[KindsEvaluation]) -> str:
    """All figures and every single check as one JSON object."""
    return json.dumps({"models": [asdict(each) for each in found]})


def write_kinds(found: Sequence[KindsEvaluation], folder: Path) -> Path:
    """Write kinds.json, the folder too if need be; raises EngineError."""
    return write_figures(folder, {"kinds.json": kinds_json(found) + "\n"})[0]
