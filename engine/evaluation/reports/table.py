"""The evaluation's figures as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.evaluation.measures.prompt_checks import PROPERTIES, Share
from engine.evaluation.runs.evaluate import EvaluationSize, neighbour_count
from engine.evaluation.runs.scoring import Row


@dataclass(frozen=True, slots=True)
class Column:
    """One measure: its field in Scores, its heading with what is better, its format."""

    field: str
    heading: str
    form: str


COLUMNS = (
    Column("fd", "FD ↓", ".3f"),
    Column("kl", "KL ↓", ".2f"),
    Column("prompt_score", "score ↑", ".3f"),
    Column("recall", "recall ↑", ".2f"),
    Column("coverage", "coverage ↑", ".2f"),
    Column("ccds", "CCDS ↑", ".3f"),
    Column("rtf", "RTF ↑", ".1f"),
    Column("memory_mb", "MB ↓", ".0f"),
    Column("right", "right ↑", ".0%"),
)
EMPTY_CELL = "–"
FEW = 100
"""With fewer sounds, distribution measures are unreliable."""

CHECKS_LEGEND = (
    "Pitch within 50 cents, tempo within 2 BPM (clips of 2 s and more), key by the triad that has "
    "most of the energy, length within 10 % of the asked seconds (loops and textures), brightness "
    "and decay on the right side of what is usual for that kind of sound, family by the nearest "
    "rendered sounds. The first row says how often the measuring itself is right; the second how "
    "often by chance."
)


def format_scores(row: Row) -> list[str]:
    """A row's measures, each with its spread where it was repeated."""
    return [
        format_with_spread(
            getattr(row.scores, column.field), getattr(row.spread, column.field), column
        )
        for column in COLUMNS
    ]


def format_with_spread(value: float | None, spread: float | None, column: Column) -> str:
    """One figure as text."""
    if value is None:
        return EMPTY_CELL
    return f"{value:{column.form}}" + ("" if spread is None else f" ±{spread:{column.form}}")


def format_shares(row: Row) -> list[str]:
    """A row's prompt checks: right of how many, and with octaves forgiven where that differs."""
    shares = {share.property: share for share in row.shares}
    return [_share_cell(shares.get(name)) for name in (*PROPERTIES, "all")]


def _share_cell(share: Share | None) -> str:
    if share is None:
        return EMPTY_CELL
    octave = share.right_or_octave - share.right
    more = f" (+{octave:.0%} octave)" if octave else ""
    return f"{share.right:.0%} of {share.count}{more}"


def format_tables(rows: Sequence[Row]) -> str:
    """Both tables for a terminal."""
    scores = [["", *(column.heading for column in COLUMNS)]]
    scores += [[row.name, *format_scores(row)] for row in rows]
    checks = [["right by", *PROPERTIES, "all"]]
    checks += [[row.name, *format_shares(row)] for row in rows]
    return f"{align_columns(scores)}\n\n{align_columns(checks)}"


def align_columns(lines: list[list[str]]) -> str:
    """Cells as columns: the first to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(heads: Sequence[str], lines: Iterable[Sequence[str]], right: bool = True) -> str:
    """A table in Markdown: the first column to the left, the others to the right if `right`."""
    rule = ["---", *("--:" if right else "---" for _ in heads[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rule, *lines))


def scores_legend(embedder: str, size: EvaluationSize) -> str:
    """What the columns of the first table mean."""
    few = "" if size.prompts >= FEW else " With so few sounds FD, recall and coverage say little."
    return (
        f"Embedder: {embedder}. FD, recall and coverage (k = {neighbour_count(size)}) against "
        f"{size.prompts} real sounds of the same prompts; the row of real sounds compares as many "
        f"of other prompts with these.{few} KL in nats of softmax similarities to one text for "
        "each kind of sound. Score: mean cosine of sound and prompt. CCDS: mean cosine distance of "
        "sounds of one prompt. RTF: seconds of sound made in a second, one at a time. MB: what "
        "loading the model and making the longest sound take at their peak. Right: share of all "
        "checks below."
    )
