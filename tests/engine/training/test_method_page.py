"""docs/method.md points at what is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "method.md"


def places_in_the_code() -> set[str]:
    """Full names of all modules, functions, classes, methods and settings of the engine."""
    names = set()
    for path in (ROOT / "engine").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        names.add(module)
        names.update(_inside(ast.parse(path.read_text(encoding="utf-8")), module))
    return names


def _inside(tree: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield f"{name}.{node.name}"
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield f"{name}.{node.target.id}"
        if isinstance(node, ast.ClassDef):
            yield from _inside(node, f"{name}.{node.name}")


def named_places() -> set[str]:
    """What the third columns of the page's tables name, without arguments and values."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    rows = [line.strip("| ").split(" | ") for line in lines if "---" not in line]
    quoted = [text for row in rows if len(row) == 3 for text in re.findall(r"`([^`]+)`", row[2])]
    return {re.split(r"[ (]", text.strip("[]"))[0] for text in quoted}


def test_every_place_that_the_page_names_is_in_the_code() -> None:
    known, named = places_in_the_code(), named_places()
    assert len(named) > 40
    lost = {name for name in named if not any(f".{k}".endswith(f".{name}") for k in known)}
    assert lost == set()


def test_every_file_that_the_page_names_is_there() -> None:
    paths = re.findall(r"`((?:tests|presets|engine|docs)/[\w./-]+)`", PAGE.read_text("utf-8"))
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []
