"""ChooseModel: chooses the model that generates. Main thread only."""

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
    """The part of engine.process.client.EngineThread that ChooseModel needs."""

    def switch_model(self, model_folder: Path) -> None:
        """Load another model, which takes over when it is ready; returns at once."""
        ...

    def cancel_switch(self) -> None:
        """Cancel loading another model; returns at once."""
        ...


class ChooseModel:
    """A chosen model is loaded beside the one in use, which generates until that is done."""

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
        """The folder of the model in use."""
        self.loading: ModelChoice | None = None
        """The model that is being loaded."""
        self.saved_name = ""
        """The folder name of the model for the next start, "" for the embedded one."""
        self._chosen: dict[Path, ModelChoice] = {}
        self._restored: Path | None = None

    def use(self, choice: ModelChoice, strength: float | None = None) -> None:
        """Load this model and use it as soon as it is ready.

        `strength` becomes the LoRA's new strength, if it differs.
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
        """Read the card of the model in use, and show its vocabulary or its problem."""

        def show(choice: ModelChoice) -> None:
            if choice.card is None:
                log.warning("Cannot read the model card: %s", choice.problem)
                self.status.show_failure(choice.problem)
            else:
                self.status.show_vocabulary(frozenset(choice.card.vocabulary))

        self.library.read(self.folder, show)

    def restore(self, name: str) -> None:
        """Load the saved model, if it still exists, without changing the saved steps."""
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
        """Handle the engine's answer to a switch of models."""
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
        """Show that no other model is being loaded."""
        self.loading = None
        self.saved_name = self._name_to_save(self.folder)
        self.status.show_no_loading()
        self.library.changed.emit()

    def _name_to_save(self, folder: Path) -> str:
        return folder.name if folder.parent == self.library.home else ""

    # --- removing ---

    def may_remove(self, choice: ModelChoice) -> bool:
        """Return whether a model was added by the player and is neither in use nor being loaded."""
        library = self.library
        used = {self.folder} | ({self.loading.folder} if self.loading else set())
        bases = {other.base for other in library.choices if other.folder in used}
        return choice.folder.parent == library.home and choice.folder not in used | bases

    def remove(self, choice: ModelChoice) -> None:
        """Delete a model if `may_remove` allows it; sounds made with it stay."""
        if self.may_remove(choice):
            self.library.remove(choice)


def _name(choice: ModelChoice) -> str:
    return choice.folder.name if choice.card is None else choice.card.name
