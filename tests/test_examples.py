"""The examples run as they stand, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.files.audio import read_clip

ROOT = Path(__file__).parent.parent


def run_example(name: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_kick_is_made_and_written(tmp_path: Path) -> None:
    assert run_example("make_a_kick.py", tmp_path).startswith("kick.wav: 0.5 s, made in ")
    kick = read_clip(tmp_path / "kick.wav")
    assert (kick.seconds, kick.channels) == (0.5, 2)
    assert abs(kick.samples).max() > 0.1


def test_every_example_is_tested() -> None:
    assert [path.name for path in (ROOT / "examples").glob("*.py")] == ["make_a_kick.py"]
