"""The wheel: what it holds, and that a checkout and an installed copy never run each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHERE = """
import json
from engine.files.paths import ASSETS, PRESETS, ROOT
from app.midi.messages.controller_map import read_controller_maps
from engine.library.card import EMBEDDED_FOLDER, read_card
from pathlib import Path
maps = len(read_controller_maps(Path("none")).maps)
name = read_card(EMBEDDED_FOLDER).name
print(json.dumps([str(ROOT), str(ASSETS), str(PRESETS), name, maps]))
"""
CHILD = """
import subprocess
from engine.process.python_child import child_environment, module_command
command = [*module_command("engine.files.paths")[:2], "-c", "import engine; print(engine.__file__)"]
print(subprocess.run(command, env=child_environment(), capture_output=True, text=True).stdout)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a wheel's files lie when they are installed."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder)
    return folder


def run_python(*arguments: str, cwd: Path, path: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(path), "PINGPAD_HOME": str(path / "home")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_both_packages_and_their_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names} == {
        "app",
        "engine",
        "pingpad-0.1.0.dist-info",
    }
    for package in ("app", "engine"):
        sources = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert sources <= names and f"{package}/py.typed" in names
    for folder in ("assets", "presets"):
        data = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert {f"engine/{path.relative_to(ROOT)}" for path in data} <= names
    entry_points = zipfile.ZipFile(wheel).read("pingpad-0.1.0.dist-info/entry_points.txt")
    assert b"pingpad = app.cli.main:run_pingpad" in entry_points


def test_an_installed_copy_finds_its_own_data_though_started_in_a_checkout(installed: Path) -> None:
    where = json.loads(run_python("-P", "-c", WHERE, cwd=ROOT, path=installed))
    root, assets, presets, name, maps = where
    assert (root, assets, presets) == (
        str(installed),
        str(installed / "engine" / "assets"),
        str(installed / "engine" / "presets"),
    )
    assert name == "Pingpad embedded" and maps > 0


def test_processes_of_an_installed_copy_run_its_code_though_started_in_a_checkout(
    installed: Path,
) -> None:
    child = run_python("-P", "-c", CHILD, cwd=ROOT, path=installed)
    assert child.strip() == str(installed / "engine" / "__init__.py")


@pytest.mark.parametrize("safe_path", ["", "-P"])
def test_a_checkout_runs_its_own_code_though_a_copy_is_installed(
    installed: Path, tmp_path: Path, safe_path: str
) -> None:
    options = [safe_path] if safe_path else []
    said = run_python(
        *options, str(ROOT / "main.py"), "models", "--json", cwd=tmp_path, path=installed
    )
    assert json.loads(said.splitlines()[0])["folder"] == str(ROOT / "assets" / "embedded")
