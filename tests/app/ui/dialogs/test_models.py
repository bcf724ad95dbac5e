"""The models window: what it lists, what its buttons do, that the player is asked first."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot
from safetensors.torch import save_file

from app.ui.dialogs.models import ModelsDialog
from engine.api import Switched
from engine.library.card import EMBEDDED_FOLDER
from engine.library.hub import HubFile, Offer
from engine.library.lora_file import read_adapter_file
from tests.app.ui.scene import Scene
from tests.fakes.engine.published_folder import write_published


@pytest.fixture
def dialog(scene: Scene) -> ModelsDialog:
    scene.window.status_line.engine.clicked.emit()
    dialog = scene.window.status_line.models_dialog
    assert dialog is not None
    return dialog


def texts(dialog: ModelsDialog) -> list[str]:
    return [dialog.list.item(row).text() for row in range(dialog.list.count())]


def test_the_status_line_opens_one_window_that_leaves_the_instrument_usable(
    scene: Scene, dialog: ModelsDialog
) -> None:
    assert dialog.isVisible() and not dialog.isModal()
    scene.window.status_line.engine.clicked.emit()
    assert scene.window.status_line.models_dialog is dialog


def test_models_are_listed_and_the_chosen_one_is_used(
    scene: Scene, dialog: ModelsDialog, tmp_path: Path
) -> None:
    assert "(in use)" in texts(dialog)[0]
    scene.actions.models.library.add(write_published(tmp_path / "small"))
    assert texts(dialog)[1] == "small: up to 1 s, 8 steps"
    dialog.list.setCurrentRow(1)
    dialog.use.click()
    assert scene.engine.used == [scene.actions.models.library.home / "small"]
    assert "(loading)" in texts(dialog)[1] and "(in use)" in texts(dialog)[0]
    scene.actions.models.on_answer(Switched(scene.engine.used[0]))
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
    monkeypatch.setattr(scene.actions.models.library, "fetch", fetched.append)
    files = (HubFile("model_config.json", 5 << 10), HubFile("model.safetensors", 1600 << 20))
    unread = HubFile("model.ckpt", 4000 << 20)
    offer = Offer("a/b", "main", "a licence of its own", "https://page", (*files, unread))
    dialog.ask_agreement(offer)
    assert "a licence of its own" in shown[0] and "https://page" in shown[0]
    assert "1600 MB are fetched" in shown[0]
    assert fetched == ([offer] if agrees else [])


@pytest.mark.parametrize("agrees", [True, False])
def test_a_model_is_removed_when_the_player_says_so(
    scene: Scene,
    dialog: ModelsDialog,
    agrees: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[str] = []
    buttons = QMessageBox.StandardButton

    def question(parent: object, title: str, text: str) -> QMessageBox.StandardButton:
        shown.append(text)
        return buttons.Yes if agrees else buttons.No

    monkeypatch.setattr(QMessageBox, "question", question)
    library = scene.actions.models.library
    library.add(write_published(tmp_path / "small"))
    library.add_lora(lora(tmp_path), library.choices[1], 1.0)
    assert not dialog.remove.isEnabled()
    small = next(row for row, text in enumerate(texts(dialog)) if text.startswith("small"))
    dialog.list.setCurrentRow(small)
    assert dialog.remove.isEnabled()
    dialog.remove.click()
    said = f"Delete {library.home / 'small'}? funk cannot be used without it."
    assert shown[0].startswith(said)
    assert (library.home / "small").exists() is not agrees
    assert dialog.chosen is not None
    assert dialog.chosen.folder == (EMBEDDED_FOLDER if agrees else library.home / "small")


def lora(folder: Path) -> Path:
    file = folder / "funk.safetensors"
    save_file({"a.lora_A.weight": torch.zeros(1, 4), "a.lora_B.weight": torch.zeros(4, 1)}, file)
    return file


def test_a_token_is_kept_before_asking_and_then_forgotten_here(
    scene: Scene, dialog: ModelsDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    library = scene.actions.models.library
    monkeypatch.setattr(library, "ask", lambda name, then: done.append(name))
    monkeypatch.setattr(library, "give_token", lambda token, then: (done.append(token), then()))
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
    clock = [100.0]
    dialog._now = lambda: clock[0]
    dialog.show_progress()
    scene.actions.models.library.fetched = 300 << 20, 1600 << 20
    dialog.show_progress()
    assert dialog.progress.text() == "300 of 1600 MB"
    clock[0] += 10
    scene.actions.models.library.fetched = 500 << 20, 1600 << 20
    dialog.show_progress()
    assert dialog.progress.text() == "500 of 1600 MB, 55 s left"
    assert dialog.stop.isEnabled() and not dialog.get.isEnabled()


def test_a_lora_is_added_onto_the_chosen_model_with_a_strength_that_can_be_changed(
    scene: Scene, dialog: ModelsDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = lora(tmp_path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *given: (str(file), ""))
    scene.actions.models.library.add(write_published(tmp_path / "small"))
    dialog.list.setCurrentRow(0)
    dialog.add_lora.click()
    assert "First choose the model that the LoRA changes" in scene.said[-1]
    dialog.list.setCurrentRow(1)
    dialog.strength.setValue(0.75)
    dialog.add_lora.click()
    home = scene.actions.models.library.home
    assert read_adapter_file(home / "funk").strength == 0.75
    row = next(row for row, text in enumerate(texts(dialog)) if text.startswith("funk"))
    dialog.list.setCurrentRow(row)
    assert dialog.strength.value() == 0.75
    dialog.use.click()
    assert scene.engine.used == [home / "funk"]
    dialog.use.click()
    assert len(scene.engine.used) == 1
    dialog.strength.setValue(-0.5)
    dialog.use.click()
    assert read_adapter_file(home / "funk").strength == -0.5
    assert scene.engine.used == [home / "funk"] * 2
    assert dialog.strength.value() == -0.5
