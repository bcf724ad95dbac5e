"""ChooseModel: which model makes the sounds, and adding more of them. Main thread only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from app.actions.background import Background
from app.errors import PlayerError
from app.model.event import Event
from app.model.session import Session
from engine.adapter_files import has_adapter, read_adapter_file
from engine.api import EngineError
from engine.model_card import EMBEDDED_FOLDER, ModelCard, list_models, read_card
from engine.model_store import ModelStore

if TYPE_CHECKING:  # it takes a second to load, which only fetching is worth
    from engine.hub import Hub, Offer

Result = TypeVar("Result")


class SwitchesModels(Protocol):
    """What choosing needs of engine.client.EngineThread."""

    def use(self, model_folder: Path) -> None:
        """Go on with another model; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """A model on this computer; `problem` says why it cannot be used, "" when it can.

    `strength` is that of a LoRA, None for other models.
    """

    folder: Path
    card: ModelCard | None
    problem: str = ""
    strength: float | None = None


class ChooseModel:
    """Models are read, copied and fetched in the background; playing goes on all the while."""

    def __init__(
        self,
        session: Session,
        engine: SwitchesModels,
        background: Background,
        store: ModelStore,
        folder: Path = EMBEDDED_FOLDER,
    ) -> None:
        self._session = session
        self._engine = engine
        self._background = background
        self._store = store
        self.folder = folder
        """The model in use."""
        self._stop = threading.Event()
        self.choices: tuple[Choice, ...] = ()
        self.make_hub: Callable[[], Hub] = _hugging_face
        self.fetched: tuple[int, int] = (0, 0)
        """Bytes that are there and all bytes, of what is being fetched."""
        self.changed: Event[()] = Event()
        """The list or the model in use is another one."""

    @property
    def home(self) -> Path:
        """The folder of the models that were added."""
        return self._store.root

    @property
    def remembered(self) -> str:
        """What to remember of the model in use: its folder's name, "" for the embedded one."""
        return self.folder.name if self.folder.parent == self.home else ""

    # --- using ---

    def look(self) -> None:
        """Read which models there are."""

        def read() -> tuple[Choice, ...]:
            return tuple(_choice(folder) for folder in [EMBEDDED_FOLDER, *list_models(self.home)])

        def show(choices: tuple[Choice, ...]) -> None:
            self.choices = choices
            self.changed.emit()

        self._background.run(read, show, self._complain)

    def use(self, choice: Choice, strength: float | None = None) -> None:
        """Make the next sounds with this model; what is being made with the other one fails.

        A LoRA is used with another `strength` than it has, which it keeps.
        """
        card, name = choice.card, choice.folder.name
        if card is None:
            self._session.say(choice.problem, "warning")
        elif strength is not None and choice.strength not in (None, strength):

            def changed(_: None) -> None:
                self._load(choice, card)
                self.look()

            self._run(lambda: self._store.set_strength(name, strength), changed)
        elif choice.folder != self.folder:
            self._load(choice, card)

    def _load(self, choice: Choice, card: ModelCard) -> None:
        session = self._session
        self.folder = choice.folder
        self._engine.use(choice.folder)
        session.steps = card.default_steps
        loading = replace(
            session.engine, text=f"{card.name} is loading.", ready=False, failed=False
        )
        session.set_engine(loading, frozenset(card.vocabulary))
        self.changed.emit()

    # --- adding ---

    def add(self, source: Path) -> None:
        """Copy a model's folder or file."""
        self._run(lambda: self._store.add(source), self._added)

    def add_lora(self, source: Path, base: Choice, strength: float) -> None:
        """Make a model of a LoRA and the model that it changes."""
        if base.folder.parent != self.home or base.strength is not None:
            self._session.say(
                "Choose the model that the LoRA changes in the list first: one that was added, "
                "and no LoRA itself.",
                "warning",
            )
            return
        self._run(lambda: self._store.add_lora(source, base.folder.name, strength), self._added)

    def ask(self, repository: str, offered: Callable[[Offer], object]) -> None:
        """Ask Hugging Face for a model; `offered` gets its licence and size, to agree to."""
        self._run(lambda: self.make_hub().offer(repository.strip()), offered)

    def fetch(self, offer: Offer) -> None:
        """Fetch a model whose licence the player has agreed to."""
        self._stop.clear()

        def heard(done: int, total: int) -> bool:
            self.fetched = done, total
            return not self._stop.is_set()

        def work() -> Path | None:
            from engine.hub import FetchStopped

            try:
                return self._store.fetch(self.make_hub(), offer, heard)
            except FetchStopped:
                return None
            finally:
                self.fetched = 0, 0

        self._run(work, self._added)

    def stop_fetching(self) -> None:
        """End the fetching soon; what is there is kept, the next try goes on with it."""
        self._stop.set()

    def give_token(self, token: str, then: Callable[[], object]) -> None:
        """Keep a token for Hugging Face where its own tools keep it."""

        def work() -> None:
            from engine.hub import keep_token

            keep_token(token.strip())

        self._run(work, lambda _: then())

    # --- how ---

    def _added(self, folder: Path | None) -> None:
        if folder is None:
            self._session.say("Fetching was stopped; the next try goes on where it ended.")
        else:
            self._session.say(f"{folder.name} was added.")
        self.look()

    def _run(self, work: Callable[[], Result], done: Callable[[Result], object]) -> None:
        def job() -> Result:
            try:
                return work()
            except EngineError as error:
                raise PlayerError(str(error)) from error

        self._background.run(job, done, self._complain)

    def _complain(self, sentence: str) -> None:
        self._session.say(sentence, "error")
        self.changed.emit()


def _hugging_face() -> Hub:
    from engine.hub import Hub

    return Hub()


def _choice(folder: Path) -> Choice:
    try:
        strength = read_adapter_file(folder).strength if has_adapter(folder) else None
        return Choice(folder, read_card(folder), strength=strength)
    except EngineError as error:
        return Choice(folder, None, str(error))
