"""A window on doubles for every test here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.ui.pads import grid
from app.ui.pads.keys import QWERTY
from app.ui.window import main_window
from tests.app.ui.scene import Scene


@pytest.fixture
def scene(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    # Whatever the developer's keyboard says.
    for module in (main_window, grid):
        monkeypatch.setattr(module, "read_keyboard_letters", lambda: QWERTY)
    made = Scene(tmp_path)
    qtbot.addWidget(made.window)
    made.window.show()
    qtbot.waitExposed(made.window)
    made.window.activateWindow()
    qtbot.waitUntil(made.window.isActiveWindow)
    yield made
    made.window.close()
