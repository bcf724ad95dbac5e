"""The rules of the house, held by machines: formatting, types, import arrows, sizes and names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    ROOT / "main.py",
    *(path for folder in ("app", "engine", "tests") for path in (ROOT / folder).rglob("*.py")),
]
OWN_SOURCES = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "tests"]
LONGEST_FUNCTION = 60
LONGEST_MODULE = 400
LONGEST_MAIN = 60
MEDIAN_FUNCTION = 10
MOST_IN_A_FOLDER = 20
MOST_IN_THE_ENGINE_ROOT = 6
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "base", "manager"}
TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["lint-imports", "--no-logo"],
    ],
    ids=["format", "lint", "types", "import arrows"],
)
def test_check_is_green(command: list[str]) -> None:
    program = str(TOOLS / command[0])
    done = subprocess.run(
        [program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {length} lines"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not long, long


def test_most_functions_are_seen_at_a_glance() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in OWN_SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert median(lengths) <= MEDIAN_FUNCTION


def test_no_module_is_longer_than_one_subject() -> None:
    lines = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for path in OWN_SOURCES
    }
    assert not {path: count for path, count in lines.items() if count > LONGEST_MODULE}
    assert lines[Path("main.py")] <= LONGEST_MAIN


def test_no_folder_holds_more_than_a_reader_takes_in() -> None:
    modules = [path for path in SOURCES if path.stem not in ("__init__", "__main__")]
    folders = Counter(path.parent.relative_to(ROOT) for path in modules)
    assert folders[Path("engine")] <= MOST_IN_THE_ENGINE_ROOT
    assert not {path: count for path, count in folders.items() if count > MOST_IN_A_FOLDER}


def test_every_name_says_what_is_inside() -> None:
    vague = [path for path in SOURCES if VAGUE & {*path.relative_to(ROOT).parts, path.stem}]
    assert not vague, vague


def test_nothing_is_left_for_later() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    later = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in SOURCES
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert not later, later
