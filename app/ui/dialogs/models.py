"""The models dialog: choose, add, download and remove models. Main thread.

It stays open beside the instrument: pads play while models are read, copied and downloaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from app.actions.setup.choose_model import ChooseModel
from app.actions.setup.model_library import ModelChoice
from app.ui.dialogs.time_left import TimeLeft
from app.ui.widgets.controls import NumberField, make_button, make_caption, on_click
from app.ui.widgets.theme import Theme
from engine.library.lora_file import LEAST_STRENGTH, MOST_STRENGTH
from engine.library.store import count_bytes_to_fetch

if TYPE_CHECKING:
    from engine.library.hub import Offer

SIZE = (620, 460)
PROGRESS_MS = 250
_LORAS = "LoRA (*.safetensors)"
_FILES = "Models (model.safetensors model.ckpt base_model.safetensors base_model.ckpt)"


class ModelsDialog(QDialog):
    """A list of models with their limits, and ways to add one."""

    def __init__(
        self,
        models: ChooseModel,
        theme: Theme,
        parent: QWidget,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._models = models
        self._now = now
        self._time_left = TimeLeft(now)
        self.setWindowTitle("Models")
        self.setModal(False)
        self.list = QListWidget()
        self.list.setAccessibleName("Models on this computer")
        self.list.currentItemChanged.connect(lambda *_: self._show_chosen())
        self.list.itemActivated.connect(lambda _item: self.use_chosen())
        self.use = make_button("Use", "Make the next sounds with this model (Enter)", theme)
        self.remove = make_button("Remove", "Delete this model; sounds made with it stay", theme)
        self.add_folder = make_button("Add folder", "Copy a model's folder", theme, "open")
        self.add_file = make_button("Add file", "Copy a model's file and its config", theme, "open")
        self.strength = NumberField(LEAST_STRENGTH, MOST_STRENGTH, 2)
        self.strength.setValue(1.0)
        self.strength.setAccessibleName("Strength of the LoRA")
        self.strength.setToolTip("How strongly a LoRA changes its model: 0 not at all, 1 as it is")
        self.add_lora = make_button(
            "Add LoRA", "Make a model of a LoRA's file and the model chosen above", theme, "open"
        )
        self.repository = QLineEdit()
        self.repository.setPlaceholderText("stabilityai/stable-audio-open-small")
        self.repository.setAccessibleName("Owner and name on Hugging Face")
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("Token, if the model is only for accounts")
        self.token.setAccessibleName("Token for Hugging Face")
        self.get = make_button("Get", "Show the licence and the size, then fetch it", theme)
        self.stop = make_button("Stop", "End fetching; the next try goes on", theme)
        self.progress = make_caption("", "soft")
        for button, do in (
            (self.use, self.use_chosen),
            (self.remove, self._ask_remove),
            (self.add_folder, self._ask_folder),
            (self.add_file, self._ask_file),
            (self.add_lora, self._ask_lora),
            (self.get, self._ask_hub),
            (self.stop, models.library.stop_fetching),
        ):
            button.setAutoDefault(False)
            on_click(button, do)
        self._lay_out(theme)
        self._timer = QTimer(self)
        self._timer.setInterval(PROGRESS_MS)
        self._timer.timeout.connect(self.show_progress)
        self._timer.start()
        models.library.changed.connect(self.show_models)
        self.show_progress()
        models.library.refresh()

    def _lay_out(self, theme: Theme) -> None:
        column = QVBoxLayout(self)
        theme.set_spacing(column, 10, (14, 14, 14, 14))
        column.addWidget(self.list, 1)
        for row in (
            (self.use, self.remove, self.add_folder, self.add_file),
            (make_caption("LoRA strength", "soft"), self.strength, self.add_lora),
            (make_caption("Hugging Face", "soft"), self.repository, self.get),
            (self.token, self.stop),
        ):
            line = QHBoxLayout()
            theme.set_spacing(line, 8)
            for widget in row:
                line.addWidget(widget)
            column.addLayout(line)
        column.addWidget(self.progress)
        self.resize(*(theme.px(side) for side in SIZE))

    # --- showing ---

    def show_models(self) -> None:
        """Show the models, with marks for the one in use and the one that is loading."""
        chosen = self.chosen
        folders = [choice.folder for choice in self._models.library.choices]
        there = chosen is not None and chosen.folder in folders
        wanted = chosen.folder if chosen is not None and there else self._models.folder
        self.list.clear()
        for choice in self._models.library.choices:
            item = QListWidgetItem(self._format_model(choice))
            item.setData(Qt.ItemDataRole.UserRole, choice)
            item.setToolTip(choice.problem or str(choice.folder))
            self.list.addItem(item)
            if choice.folder == wanted:
                self.list.setCurrentItem(item)

    def _format_model(self, choice: ModelChoice) -> str:
        if choice.card is None:
            return f"{choice.folder.name} (cannot be used)"
        card, mark, loading = choice.card, "", self._models.loading
        if loading is not None and choice.folder == loading.folder:
            mark = " (loading)"
        elif choice.folder == self._models.folder:
            mark = " (in use)"
        return f"{card.name}{mark}: up to {card.longest_s:.0f} s, {card.default_steps} steps"

    def _show_chosen(self) -> None:
        chosen = self.chosen
        strength = chosen.strength if chosen else None
        self.strength.setValue(1.0 if strength is None else strength)
        self.remove.setEnabled(chosen is not None and self._models.may_remove(chosen))

    def show_progress(self) -> None:
        """Show how much of a model is downloaded, and the time left."""
        done, total = self._models.library.fetched
        self.stop.setEnabled(total > 0)
        self.get.setEnabled(total == 0)
        if not total:
            self._time_left = TimeLeft(self._now)
            self.progress.setText("")
            return
        left = self._time_left.format(done, total)
        self.progress.setText(f"{done >> 20} of {total >> 20} MB{left}")

    # --- actions ---

    @property
    def chosen(self) -> ModelChoice | None:
        """The model selected in the list."""
        item = self.list.currentItem()
        choice = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        return choice if isinstance(choice, ModelChoice) else None

    def use_chosen(self) -> None:
        """Switch to the chosen model."""
        if self.chosen is not None:
            self._models.use(self.chosen, round(self.strength.value(), 2))

    def _ask_remove(self) -> None:
        """Delete the chosen model after asking."""
        choice = self.chosen
        if choice is None:
            return
        loras = ", ".join(self._models.library.list_loras(choice))
        more = f" {loras} cannot be used without it." if loras else ""
        yes = QMessageBox.StandardButton.Yes
        answer = QMessageBox.question(
            self,
            "Remove a model",
            f"Delete {choice.folder}?{more} Sounds made with it stay.",
        )
        if answer == yes:
            self._models.remove(choice)

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a model's folder", str(Path.home()))
        if folder:
            self._models.library.add(Path(folder))

    def _ask_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Add a model", str(Path.home()), _FILES)
        if file:
            self._models.library.add(Path(file))

    def _ask_lora(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Add a LoRA", str(Path.home()), _LORAS)
        if file and self.chosen is not None:
            self._models.library.add_lora(Path(file), self.chosen, round(self.strength.value(), 2))

    def _ask_hub(self) -> None:
        repository, token = self.repository.text().strip(), self.token.text().strip()
        library = self._models.library
        if not repository:
            self.repository.setFocus()
        elif token:
            self.token.clear()
            self._models.library.give_token(
                token, lambda: library.ask(repository, self.ask_agreement)
            )
        else:
            library.ask(repository, self.ask_agreement)

    def ask_agreement(self, offer: Offer) -> None:
        """Show licence and size, and download once the player agrees."""
        yes = QMessageBox.StandardButton.Yes
        size = f"{count_bytes_to_fetch(offer) >> 20} MB"
        answer = QMessageBox.question(
            self,
            "Licence",
            f"{offer.repository} is under the licence {offer.licence}, which you find on "
            f"{offer.page}. {size} are fetched, and a text encoder where it needs one.\n\n"
            "Do you agree to it?",
        )
        if answer == yes:
            self._models.library.fetch(offer)
