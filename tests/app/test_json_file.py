"""JSON files: whole or as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.json_file import write_json


def test_a_file_is_written_whole_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "kit.json"
    write_json(path, {"name": "Kick ♯", "pads": [1, 2]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Kick ♯", "pads": [1, 2]}
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kit.json"
    write_json(path, {"old": True})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.json_file.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json(path, {"old": False})
    assert json.loads(path.read_text(encoding="utf-8")) == {"old": True}
    assert list(tmp_path.iterdir()) == [path]
