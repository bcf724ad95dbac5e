"""The models window: what it lists, what its buttons do, that the player is asked first."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_folder import write_published
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.ui.models_dialog import ModelsDialog
from engine.hub import Offer
from engine.model_card import EMBEDDED_FOLDER
from tests.app.ui.scene import Scene


@pytest.fixture
def dialog(scene: Scene) -> ModelsDialog:
    scene.window.status_line.engine.wanted.emit()
    dialog = scene.window.status_line.models_dialog
    assert dialog is not None
    return dialog


def texts(dialog: ModelsDialog) -> list[str]:
    return [dialog.list.item(row).text() for row in range(dialog.list.count())]


def test_the_status_line_opens_one_window_that_leaves_the_instrument_usable(
    scene: Scene, dialog: ModelsDialog
) -> None:
    assert dialog.isVisible() and not dialog.isModal()
    scene.window.status_line.engine.wanted.emit()
    assert scene.window.status_line.models_dialog is dialog


def test_models_are_listed_and_the_chosen_one_is_used(
    scene: Scene, dialog: ModelsDialog, tmp_path: Path
) -> None:
    assert "(in use)" in texts(dialog)[0]
    scene.actions.models.add(write_published(tmp_path / "small"))
    assert texts(dialog)[1] == "small: up to 1 s, 8 steps"
    dialog.list.setCurrentRow(1)
    dialog.use.click()
    assert scene.engine.used == [scene.actions.models.home / "small"]
    assert "(in use)" in texts(dialog)[1] and "(in use)" not in texts(dialog)[0]
    assert dialog.chosen is not None and dialog.chosen.folder.name == "small"
    dialog.list.setCurrentRow(0)
    dialog.use_chosen()
    assert scene.engine.used[-1] == EMBEDDED_FOLDER


@pytest.mark.parametrize("agrees", [True, False])
def test_nothing_is_fetched_before_the_player_agrees(
    scene: Scene, dialog: ModelsDialog, agrees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    buttons = QMessageBox.StandardButton

    def question(parent: object, title: str, text: str) -> QMessageBox.StandardButton:
        shown.append(text)
        return buttons.Yes if agrees else buttons.No

    monkeypatch.setattr(QMessageBox, "question", question)
    fetched: list[Offer] = []
    monkeypatch.setattr(scene.actions.models, "fetch", fetched.append)
    offer = Offer("a/b", "main", "a licence of its own", "https://page", ())
    dialog.agree(offer)
    assert "a licence of its own" in shown[0] and "https://page" in shown[0]
    assert fetched == ([offer] if agrees else [])


def test_a_token_is_kept_before_asking_and_then_forgotten_here(
    scene: Scene, dialog: ModelsDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    models = scene.actions.models
    monkeypatch.setattr(models, "ask", lambda name, then: done.append(name))
    monkeypatch.setattr(models, "give_token", lambda token, then: (done.append(token), then()))
    dialog.get.click()
    assert done == []
    dialog.repository.setText(" a/b ")
    dialog.token.setText(" hf_secret ")
    dialog.get.click()
    assert done == ["hf_secret", "a/b"]
    assert dialog.token.text() == ""
    dialog.get.click()
    assert done[2:] == ["a/b"]


def test_progress_is_shown_while_something_is_fetched(
    scene: Scene, dialog: ModelsDialog, qtbot: QtBot
) -> None:
    assert not dialog.stop.isEnabled() and dialog.get.isEnabled()
    scene.actions.models.fetched = 300 << 20, 1600 << 20
    dialog.show_progress()
    assert dialog.progress.text() == "300 of 1600 MB"
    assert dialog.stop.isEnabled() and not dialog.get.isEnabled()
