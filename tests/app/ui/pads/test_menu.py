from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from pytestqt.qtbot import QtBot

from app.ui.pads.menu import PadMenu
from tests.app.ui.scene import Scene


@pytest.fixture
def menu(scene: Scene) -> PadMenu:
    return PadMenu(scene.session, scene.actions, scene.main_thread, scene.window)


def enabled(menu: PadMenu, pad: int) -> set[str]:
    return {action.text() for action in menu.build(pad).actions() if action.isEnabled()} - {""}


def test_an_empty_pad_offers_only_what_it_can_do(menu: PadMenu) -> None:
    assert enabled(menu, 0) == {"Generate here", "Lock"}


def test_a_full_pad_offers_three_ways_out_without_a_drag(scene: Scene, menu: PadMenu) -> None:
    scene.make(0, "kick")
    assert {"Show in folder", "Copy path", "Save as…"} <= enabled(menu, 0)


def test_copy_path_gives_a_file_that_exists(scene: Scene, menu: PadMenu) -> None:
    scene.make(0, "kick")
    menu.copy_path(0)
    assert Path(QGuiApplication.clipboard().text()).is_file()


def test_show_in_folder_opens_the_folder(
    scene: Scene, menu: PadMenu, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    scene.make(0, "kick")
    menu.show_in_folder(0)
    assert Path(opened[0].toLocalFile()).is_dir()


def test_save_as_copies_and_says_so(
    scene: Scene, menu: PadMenu, qtbot: QtBot, tmp_path: Path
) -> None:
    scene.make(0, "kick")
    path = scene.actions.drag_out.file_for_drag(0)
    assert path is not None
    menu.save_copy(path, tmp_path / "my kick")
    qtbot.waitUntil(lambda: any("my kick.wav" in text for text in scene.said))
    assert (tmp_path / "my kick.wav").read_bytes() == path.read_bytes()


def test_a_copy_that_cannot_be_written_says_why(
    scene: Scene, menu: PadMenu, qtbot: QtBot, tmp_path: Path
) -> None:
    scene.make(0, "kick")
    path = scene.actions.drag_out.file_for_drag(0)
    assert path is not None
    menu.save_copy(path, tmp_path / "no such folder" / "kick.wav")
    qtbot.waitUntil(lambda: any("could not be saved" in text for text in scene.said))
