"""The paper's table as files to commit: figures as JSON, and a page in Markdown made of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from engine.api import EngineError
from engine.evaluation.measures.prompt_checks import PROPERTIES
from engine.evaluation.reports.table import (
    CHECKS_LEGEND,
    COLUMNS,
    EMPTY_CELL,
    format_scores,
    format_shares,
    markdown_table,
    scores_legend,
)
from engine.experiments.rows import row_to_table
from engine.experiments.table import COMMAND, PaperRow, PaperTable, Training
from engine.files.atomic import write_text


def write_table(table: PaperTable, page: Path) -> list[Path]:
    """Write the page, and beside it the figures as .json; raises EngineError where it cannot."""
    figures = page.with_suffix(".json")
    try:
        write_text(figures, as_json(table))
        write_text(page, as_markdown(table))
    except OSError as error:
        raise EngineError(
            f"The results could not be written to {page} ({error}): name another with --report."
        ) from error
    return [page, figures]


def as_json(table: PaperTable) -> str:
    """All figures, indented so that two versions can be compared line by line."""
    rows = [
        {"models": row.models, "hours": row.hours, **row_to_table(row.row)} for row in table.rows
    ]
    whole = {
        "made": table.made,
        "measured_on": table.measured_on,
        "embedder": table.embedder,
        "settings": asdict(table.plan.settings),
        "references": [row_to_table(row) for row in table.references],
        "rows": rows,
        "trainings": [asdict(training) for training in table.trainings],
    }
    return json.dumps(whole, indent=1) + "\n"


def as_markdown(table: PaperTable) -> str:
    """The page."""
    settings = table.plan.settings
    size = settings.evaluation
    heads = ["", "steps", *(column.heading for column in COLUMNS), "hours"]
    scores = [[row.name, EMPTY_CELL, *format_scores(row), EMPTY_CELL] for row in table.references]
    scores += [_format_row(row) for row in table.rows]
    checks = [[row.name, EMPTY_CELL, *format_shares(row)] for row in table.references]
    checks += [[row.row.name, str(row.row.steps), *format_shares(row.row)] for row in table.rows]
    sections = [
        "# Results",
        f"Written by `{COMMAND}`; do not edit. {settings.note}".rstrip(),
        "The table of arXiv 2505.08175 at our size: one flow model, and post-trainings that begin "
        f"with it. {_describe_amounts(table)} {_describe_samplers(table)}",
        "## Measures",
        markdown_table(heads, scores),
        f"{scores_legend(table.embedder, size)} Hours: of this model's own training, by the wall; "
        "post-trainings come on top of the flow's.",
        "## What the prompts claim, right by measuring",
        markdown_table(["right by", "steps", *PROPERTIES, "all"], checks),
        CHECKS_LEGEND,
    ]
    if table.trainings:
        sections += [
            "## Trainings",
            markdown_table(
                ["", "steps", "hours", "processor hours", "samples/s", "of the matrix rate", "on"],
                map(_format_training, table.trainings),
            ),
            "Hours are of the steps alone, without the rendering of the sounds. Where processor "
            "hours are far fewer than hours, other work shared the machine, and RTF is below what "
            "it can do. The matrix rate is that of large products, measured when the training "
            "began.",
        ]
    return "\n\n".join(sections) + "\n"


def _describe_amounts(table: PaperTable) -> str:
    settings = table.plan.settings
    size = settings.evaluation
    return (
        f"{size.prompts} held-out prompts; {size.seeds} seeds of the first {size.varied} for CCDS. "
        f"Post-trainings: one with each seed of {', '.join(map(str, settings.seeds))}. ± is the "
        f"deviation over these and over runs with other sampling seeds ({size.repeats} of each "
        f"model). Measured {table.made} on {'; '.join(table.measured_on)}."
    )


def _describe_samplers(table: PaperTable) -> str:
    settings = table.plan.settings
    flow, arc = settings.flow_sampling, settings.arc_sampling
    return (
        f"The flow is sampled by {flow.sampler}, guidance {flow.guidance:g}, shift {flow.shift:g}; "
        f"post-trained models by {arc.sampler}, guidance {arc.guidance:g}."
    )


def _format_row(row: PaperRow) -> list[str]:
    hours = EMPTY_CELL if row.hours is None else f"{row.hours:.2f}"
    return [row.row.name, str(row.row.steps), *format_scores(row.row), hours]


def _format_training(training: Training) -> list[str]:
    share = EMPTY_CELL if training.matrix_share is None else f"{training.matrix_share:.0%}"
    return [
        training.name,
        str(training.steps),
        f"{training.hours:.2f}",
        f"{training.cpu_hours:.2f}",
        f"{training.samples_per_s:.3g}",
        share,
        "; ".join(training.machines),
    ]
