"""What pyproject.toml declares is what app and engine import."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "engine")
DISTRIBUTIONS = {
    "PySide6": "PySide6-Essentials",
    "shiboken6": "PySide6-Essentials",
    "jack": "JACK-Client",
    "rtmidi": "python-rtmidi",
    "tomli_w": "tomli-w",
}
"""Of those modules that are not called as what brings them."""
BY_NAME = {"tensorboard"}
"""Imported by torch, for us."""
BY_HAND = {"tinysoundfont"}
"""Installed without its own dependencies, as presets/corpus/sources.toml says."""


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements}


def imported_modules(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.partition(".")[0])
    return modules - sys.stdlib_module_names - set(PACKAGES)


def imported_distributions() -> set[str]:
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    modules = set().union(*(imported_modules(path) for path in paths))
    return {DISTRIBUTIONS.get(module, module) for module in modules}


def test_everything_that_is_imported_is_declared_and_no_more() -> None:
    extras = project()["optional-dependencies"]
    optional = set().union(*(names(extras[name]) for name in ("training", "clap", "jack")))
    required = names(project()["dependencies"])
    assert not required & optional
    assert imported_distributions() - BY_HAND == required | (optional - BY_NAME)


def test_the_tools_for_development_bring_every_extra() -> None:
    extras = project()["optional-dependencies"]
    for name in ("training", "clap", "jack"):
        assert set(extras[name]) <= set(extras["dev"])
