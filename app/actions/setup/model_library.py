"""ModelLibrary: lists, adds, downloads and removes models. Main thread only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.model.event import Event
from app.model.session import Session
from app.threads.background import Background
from engine.api import EngineError
from engine.library.card import EMBEDDED_FOLDER, ModelCard, list_models, read_card
from engine.library.lora_file import has_adapter, read_adapter_file
from engine.library.store import ModelStore

if TYPE_CHECKING:  # the import takes a second, which only a download should cost
    from engine.library.hub import Hub, Offer

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model on this computer; `problem` is why it cannot be used, or "".

    `strength` and `base` are those of a LoRA, None for other models.
    """

    folder: Path
    card: ModelCard | None
    problem: str = ""
    strength: float | None = None
    base: Path | None = None


class ModelLibrary:
    """Models are read, copied and downloaded in the background."""

    def __init__(self, session: Session, background: Background, store: ModelStore) -> None:
        self._session = session
        self._background = background
        self._store = store
        self._stop = threading.Event()
        self.choices: tuple[ModelChoice, ...] = ()
        self.make_hub: Callable[[], Hub] = _make_hub
        self.fetched: tuple[int, int] = (0, 0)
        """Bytes fetched and total bytes of the current download."""
        self.changed: Event[()] = Event()
        """Emitted when the list or the model in use changes."""

    @property
    def home(self) -> Path:
        """The folder of the added models."""
        return self._store.root

    # --- list ---

    def refresh(self) -> None:
        """Read the list of models."""

        def read() -> tuple[ModelChoice, ...]:
            folders = [EMBEDDED_FOLDER, *list_models(self.home)]
            return tuple(_read_choice(folder) for folder in folders)

        def show(choices: tuple[ModelChoice, ...]) -> None:
            self.choices = choices
            self.changed.emit()

        self._run(read, show)

    def read(self, folder: Path, done: Callable[[ModelChoice], object]) -> None:
        """Read one model."""
        self._run(lambda: _read_choice(folder), done)

    def list_loras(self, choice: ModelChoice) -> tuple[str, ...]:
        """Return the names of the LoRAs whose base is this model."""
        return tuple(other.folder.name for other in self.choices if other.base == choice.folder)

    def set_strength(
        self, choice: ModelChoice, strength: float, done: Callable[[], object]
    ) -> None:
        """Set and save the strength of a LoRA."""

        def on_set(_: None) -> None:
            done()
            self.refresh()

        self._run(lambda: self._store.set_strength(choice.folder.name, strength), on_set)

    def remove(self, choice: ModelChoice) -> None:
        """Delete a model; sounds made with it stay."""
        name = choice.folder.name

        def on_removed(_: None) -> None:
            self._session.notify(f"{name} was removed.")
            self.refresh()

        self._run(lambda: self._store.remove(name), on_removed)

    # --- add ---

    def add(self, source: Path) -> None:
        """Copy a model's folder or file into the library."""
        self._run(lambda: self._store.add(source), self._show_added)

    def add_lora(self, source: Path, base: ModelChoice, strength: float) -> None:
        """Add a LoRA as a model, with the model that it adapts."""
        if base.folder.parent != self.home or base.strength is not None:
            self._session.notify(
                "First choose the model that the LoRA changes: one in the list that you added, "
                "not a LoRA.",
                "warning",
            )
            return
        self._run(
            lambda: self._store.add_lora(source, base.folder.name, strength), self._show_added
        )

    def ask(self, repository: str, offered: Callable[[Offer], object]) -> None:
        """Look a model up on Hugging Face; `offered` gets its licence and size to confirm."""
        self._run(lambda: self.make_hub().get_offer(repository.strip()), offered)

    def fetch(self, offer: Offer) -> None:
        """Download a model whose licence the player has accepted."""
        self._stop.clear()

        def report(done: int, total: int) -> bool:
            self.fetched = done, total
            return not self._stop.is_set()

        def work() -> Path | None:
            from engine.library.hub import FetchCancelled

            try:
                return self._store.fetch(self.make_hub(), offer, report)
            except FetchCancelled:
                return None
            finally:
                self.fetched = 0, 0

        self._run(work, self._show_added)

    def stop_fetching(self) -> None:
        """Stop the download soon; the next one resumes where it ended."""
        self._stop.set()

    def give_token(self, token: str, then: Callable[[], object]) -> None:
        """Store a Hugging Face token where the Hub's own tools store it."""

        def work() -> None:
            from engine.library.hub import store_token

            store_token(token.strip())

        self._run(work, lambda _: then())

    # --- background work ---

    def _show_added(self, folder: Path | None) -> None:
        if folder is None:
            self._session.notify("The download was stopped; the next one resumes where it ended.")
        else:
            self._session.notify(f"{folder.name} was added.")
        self.refresh()

    def _run(self, work: Callable[[], Result], done: Callable[[Result], object]) -> None:
        self._background.run(work, done, self._show_failure)

    def _show_failure(self, sentence: str) -> None:
        self._session.notify(sentence, "error")
        self.changed.emit()


def _make_hub() -> Hub:
    from engine.library.hub import Hub

    return Hub()


def _read_choice(folder: Path) -> ModelChoice:
    try:
        card = read_card(folder)
        if not has_adapter(folder):
            return ModelChoice(folder, card)
        adapter = read_adapter_file(folder)
        return ModelChoice(folder, card, "", adapter.strength, folder.parent / adapter.base.name)
    except EngineError as error:
        return ModelChoice(folder, None, str(error))
