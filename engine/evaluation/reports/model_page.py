"""Writes a model's card and figures into a hand-written page.

Everything between two marks is replaced; the rest of the page is left alone. One process.
"""

from __future__ import annotations

from pathlib import Path

from engine.api import EngineError
from engine.evaluation.measures.prompt_checks import PROPERTIES
from engine.evaluation.reports.table import (
    CHECKS_LEGEND,
    COLUMNS,
    format_scores,
    format_shares,
    markdown_table,
    scores_legend,
)
from engine.evaluation.runs.evaluate import Evaluation
from engine.files.atomic import write_text
from engine.library.card import ModelCard, read_card

MEASURED, KINDS = "measured", "kinds"


def write_measured(page: Path, model: Path, evaluation: Evaluation) -> Path:
    """Write a model's facts and figures between the page's marks; raises EngineError."""
    return write_between(
        page, MEASURED, f"{format_card(model)}\n\n{format_measurements(evaluation)}"
    )


def write_between(page: Path, name: str, text: str) -> Path:
    """Write Markdown between the marks of that name; raises EngineError."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    try:
        before, found_begin, rest = page.read_text(encoding="utf-8").partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found_begin and found_end):
            raise EngineError(f"{page} has no place for figures: write {begin} and {end} there.")
        write_text(page, f"{before}{begin}\n\n{text}\n\n{end}{after}")
    except OSError as error:
        raise EngineError(f"The page {page} could not be written ({error}).") from error
    return page


def format_card(model: Path) -> str:
    """Return size, limits, words and origin of a model."""
    card = read_card(model)
    size = sum(path.stat().st_size for path in model.iterdir()) / 1e6
    facts = [
        ["size", f"{size:.1f} MB with its text encoder and autoencoder"],
        ["sound", f"{card.sample_rate} Hz, stereo, up to {card.longest_s:g} s"],
        ["steps", f"{card.default_steps} unless asked for others"],
        ["words", f"{len(card.vocabulary)}, listed in its card; numbers and notes by rule"],
        ["licence", card.licence],
        ["trained on", card.trained.on],
        ["trained how", card.trained.notes or "see the commands"],
    ]
    return f"{markdown_table([card.name, ''], facts, right=False)}\n\n{_commands(card)}"


def _commands(card: ModelCard) -> str:
    lines = "\n".join(card.trained.commands)
    return f"Its commands, one after the other:\n\n```sh\n{lines}\n```"


def format_measurements(evaluation: Evaluation) -> str:
    """Return both tables of an evaluation, with a legend of their columns."""
    about, rows = evaluation.about, evaluation.rows
    size = about.size
    scores = [[row.name, *format_scores(row)] for row in rows]
    checks = [[row.name, *format_shares(row)] for row in rows]
    return "\n\n".join(
        (
            f"Measured {about.conditions.made} on {about.conditions.place}: {size.prompts} "
            f"held-out prompts, {size.seeds} seeds of the first {size.varied} for CCDS.",
            markdown_table(["", *(column.heading for column in COLUMNS)], scores),
            scores_legend(about.embedder, size),
            markdown_table(["right by", *PROPERTIES, "all"], checks),
            CHECKS_LEGEND,
        )
    )
