"""For all tests: no window on the developer's screen, no file in their folders, one thread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before Qt is imported. Tests that need a real screen start one of their own.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Before torch is imported: the last bits of sums depend on the number of threads, so a training in
# a test would not equal one in a process that the test starts; and small products are faster so.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, takes and logs go to the test's own folder."""
    monkeypatch.setenv("PINGPAD_HOME", str(tmp_path / "pingpad home"))
