from __future__ import annotations

from pathlib import Path

import pytest

from app.folders import find_folders


def test_one_variable_moves_every_folder() -> None:
    folders = find_folders({"PINGPAD_HOME": "/somewhere"})
    root = Path("/somewhere")
    for folder in (folders.config, folders.data, folders.logs, folders.takes):
        assert folder.is_relative_to(root)


def test_the_variable_may_name_a_folder_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert find_folders({"PINGPAD_HOME": "stick"}).data.is_relative_to("/stick")


def test_without_the_variable_the_users_own_folders_are_used() -> None:
    folders = find_folders({})
    assert "pingpad" in str(folders.settings_file).lower()
