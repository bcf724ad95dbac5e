"""Writes figures as text files into a folder, creating it if need be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.api import EngineError


def write_figures(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write each text under its name; raises EngineError if that fails."""
    paths = [folder / name for name in texts]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EngineError(
            f"The figures could not be written to {folder} ({error}): name another one with --out."
        ) from error
    return paths
