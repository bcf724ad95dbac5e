"""The listening page on disk: one HTML file, and a folder of sounds and pictures beside it.

It needs no script from elsewhere and no server; without any script a picture is a link to its
sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from engine.api import EngineError
from engine.clip import Clip
from engine.evaluation.reports.html import render_page
from engine.evaluation.reports.pictures import spectrogram_png
from engine.evaluation.runs.listening import Chapter

PAGE, FOLDER = "index.html", "sounds"
PICTURE_COLUMNS = 240
OPUS_RATE_HZ, COMPRESSION = 48_000, 0.9
"""About 70 kbit/s: as good as the model's own codec, and the page stays small."""


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What the page says of itself: the date, the machine, and the command that made it."""

    made: str
    place: str
    command: str


def write_listening(chapters: Sequence[Chapter], info: PageInfo, folder: Path) -> Path:
    """Write the page, its sounds and its pictures; raises EngineError where it cannot be done."""
    try:
        _remove_earlier(folder)
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        for number, chapter in enumerate(chapters, start=1):
            _write_tiles(number, chapter, folder)
        (folder / PAGE).write_text(_render(chapters, info), encoding="utf-8")
    except (OSError, soundfile.LibsndfileError) as error:
        raise EngineError(
            f"The page could not be written to {folder} ({error}): name another one with --out."
        ) from error
    return folder / PAGE


def _remove_earlier(folder: Path) -> None:
    """Remove what the page that lies there plays and shows, and nothing else."""
    page = folder / PAGE
    if page.is_file():
        names = re.findall(rf'(?:href|src)="({FOLDER}/[\w-]+\.(?:opus|png))"', page.read_text())
        for name in set(names):
            (folder / name).unlink(missing_ok=True)


def _tile_stem(chapter: int, row: int, tile: int) -> str:
    """Return where a tile's files lie from the page, without their ending; numbers begin at 1."""
    return f"{FOLDER}/{chapter}-{row:02}-{tile}"


def _write_tiles(number: int, chapter: Chapter, folder: Path) -> None:
    for row_number, row in enumerate(chapter.rows, start=1):
        for tile_number, tile in enumerate(row.tiles, start=1):
            stem = _tile_stem(number, row_number, tile_number)
            _write_opus(folder / f"{stem}.opus", tile.clip)
            picture = spectrogram_png(tile.clip, PICTURE_COLUMNS, row.seconds)
            (folder / f"{stem}.png").write_bytes(picture)


def _render(chapters: Sequence[Chapter], info: PageInfo) -> str:
    has_references = any(
        tile.is_reference for chapter in chapters for row in chapter.rows for tile in row.tiles
    )
    values = {
        "title": "Pingpad: sounds to listen to",
        "info": info,
        "chapters": chapters,
        "has_references": has_references,
        "tile_stem": _tile_stem,
    }
    return render_page("listening.html", values)


def _write_opus(path: Path, clip: Clip) -> None:
    """Write Ogg Opus, which knows no other rate than 48 kHz for full bandwidth."""
    samples = clip.at_rate(OPUS_RATE_HZ).samples.clip(-1, 1)
    soundfile.write(
        path, samples, OPUS_RATE_HZ, format="OGG", subtype="OPUS", compression_level=COMPRESSION
    )
