"""ChooseModel: which model makes the sounds. Main thread only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from app.actions.setup.engine_status import EngineStatus
from app.actions.setup.model_library import ModelChoice, ModelLibrary
from app.model.session import Session
from engine.api import ModelUnloaded, SwitchAnswer, Switched, SwitchFailed
from engine.library.card import EMBEDDED_FOLDER

log = logging.getLogger(__name__)


class SwitchesModels(Protocol):
    """What choosing needs of engine.process.client.EngineThread."""

    def switch_model(self, model_folder: Path) -> None:
        """Load another model, which takes over when it is ready; returns at once."""
        ...

    def cancel_switch(self) -> None:
        """Load no other model; returns at once."""
        ...


class ChooseModel:
    """A chosen model is loaded beside the one in use, which makes the sounds until that is done."""

    def __init__(
        self,
        session: Session,
        engine: SwitchesModels,
        library: ModelLibrary,
        status: EngineStatus,
        folder: Path = EMBEDDED_FOLDER,
    ) -> None:
        self._session = session
        self._engine = engine
        self.library = library
        self.status = status
        self.folder = folder
        """The model in use."""
        self.loading: ModelChoice | None = None
        """The model that is to take over."""
        self.saved_name = ""
        """The folder's name of the model to begin with the next time, "" for the embedded one."""
        self._chosen: dict[Path, ModelChoice] = {}
        self._restored: Path | None = None

    def use(self, choice: ModelChoice, strength: float | None = None) -> None:
        """Make the sounds with this model, as soon as it is loaded.

        A LoRA is used with another `strength` than it has, which it keeps.
        """
        if choice.card is None:
            self._session.notify(choice.problem, "warning")
        elif strength is not None and choice.strength not in (None, strength):
            self.library.set_strength(choice, strength, lambda: self._load(choice))
        elif self.loading is not None and choice.folder == self.loading.folder:
            pass
        elif choice.folder != self.folder:
            self._load(choice)
        elif self.loading is not None:
            self._engine.cancel_switch()
            self._keep_model()

    def read_card(self) -> None:
        """Show the words that the model in use has seen, or that it cannot be used."""

        def show(choice: ModelChoice) -> None:
            if choice.card is None:
                log.warning("Cannot read the model card: %s", choice.problem)
                self.status.show_failure(choice.problem)
            else:
                self.status.show_vocabulary(frozenset(choice.card.vocabulary))

        self.library.read(self.folder, show)

    def restore(self, name: str) -> None:
        """Use the model of the last time, if it is still there, with the steps of that time."""
        folder = self.library.home / name
        if not name or not folder.is_dir():
            return

        def load(choice: ModelChoice) -> None:
            if choice.card is None:
                self._session.notify(choice.problem, "warning")
            elif self.loading is None:
                self._restored = folder
                self._load(choice)

        self.saved_name = name
        self.library.read(folder, load)

    def on_answer(self, answer: SwitchAnswer) -> None:
        """Take in what has become of the model that was to take over."""
        name = _name(self._chosen[answer.model_folder])
        match answer:
            case ModelUnloaded():
                self._on_unloaded(name)
            case Switched(folder):
                self._on_switched(self._chosen[folder])
            case SwitchFailed(folder, message):
                model = self.status.model
                more = "" if self.status.has_failed else f" {model} goes on making the sounds."
                self._session.notify(f"{name}: {message}{more}", "error")
                if self.loading is not None and self.loading.folder == folder:
                    self._keep_model()

    def _load(self, choice: ModelChoice) -> None:
        session, name = self._session, _name(choice)
        self.loading, self._chosen[choice.folder] = choice, choice
        self.saved_name = self._name_to_save(choice.folder)
        self._engine.switch_model(choice.folder)
        self.status.show_loading(name)
        if self.status.has_failed:
            session.notify(f"{name} is loading.")
        else:
            session.notify(f"{name} is loading. {self.status.model} stays in use until then.")
        self.library.changed.emit()

    def _on_unloaded(self, name: str) -> None:
        sentence = f"Not enough memory for two models: no sounds can be made until {name} is ready."
        self.status.show_pause(sentence)
        self._session.notify(sentence, "warning")

    def _on_switched(self, choice: ModelChoice) -> None:
        session, card = self._session, choice.card
        assert card is not None
        self.folder = choice.folder
        if self.loading is not None and self.loading.folder == choice.folder:
            self.loading = None
        if self._restored != choice.folder:
            session.steps = card.default_steps
        self._restored = None
        coming = "" if self.loading is None else _name(self.loading)
        self.status.show_loading(coming)
        self.status.show_vocabulary(frozenset(card.vocabulary))
        session.notify(f"{card.name} is ready and makes the sounds from now on.")
        self.library.changed.emit()

    def _keep_model(self) -> None:
        """Show that no other model is coming."""
        self.loading = None
        self.saved_name = self._name_to_save(self.folder)
        self.status.show_no_loading()
        self.library.changed.emit()

    def _name_to_save(self, folder: Path) -> str:
        return folder.name if folder.parent == self.library.home else ""

    # --- removing ---

    def may_remove(self, choice: ModelChoice) -> bool:
        """Say whether a model was added, and neither makes the sounds nor is about to."""
        library = self.library
        used = {self.folder} | ({self.loading.folder} if self.loading else set())
        bases = {other.base for other in library.choices if other.folder in used}
        return choice.folder.parent == library.home and choice.folder not in used | bases

    def remove(self, choice: ModelChoice) -> None:
        """Delete a model that `may_remove`; the sounds that were made with it stay."""
        if self.may_remove(choice):
            self.library.remove(choice)


def _name(choice: ModelChoice) -> str:
    return choice.folder.name if choice.card is None else choice.card.name
