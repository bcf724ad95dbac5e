"""Pages for people point at what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{name}.md" for name in ("architecture", "manual", "command-line", "training")),
]
PLACE = re.compile(r"`((?:app|engine|tests|presets|assets|examples|docs|\.ci)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
BEING_ADDED = {"engine/loading/sketch/model.py"}
"""What a worked example tells the reader to write."""
README_LINES = 120


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {ROOT / place for place in PLACE.findall(text) if place not in BEING_ADDED}
    linked = {(ROOT / page).parent / link for link in LINK.findall(text)}
    assert named | linked
    assert not [str(path) for path in named | linked if not path.exists()]


def test_the_readme_is_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES
