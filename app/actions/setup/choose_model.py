"""ChooseModel: which model makes the sounds, and adding more of them. Main thread only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from app.model.event import Event
from app.model.session import Session
from app.threads.background import Background
from engine.api import EngineError, ModelUnloaded, SwitchAnswer, Switched, SwitchFailed
from engine.library.card import EMBEDDED_FOLDER, ModelCard, list_models, read_card
from engine.library.lora_file import has_adapter, read_adapter_file
from engine.library.store import ModelStore

if TYPE_CHECKING:  # it takes a second to load, which only fetching is worth
    from engine.library.hub import Hub, Offer

Result = TypeVar("Result")


class SwitchesModels(Protocol):
    """What choosing needs of engine.process.client.EngineThread."""

    def switch_model(self, model_folder: Path) -> None:
        """Load another model, which takes over when it is ready; returns at once."""
        ...

    def cancel_switch(self) -> None:
        """Load no other model; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """A model on this computer; `problem` says why it cannot be used, "" when it can.

    `strength` is that of a LoRA and `base` the model that it changes, None for other models.
    """

    folder: Path
    card: ModelCard | None
    problem: str = ""
    strength: float | None = None
    base: Path | None = None


class ChooseModel:
    """Models are read, copied and fetched in the background; playing goes on all the while.

    A chosen model is loaded beside the one in use, which makes the sounds until that is done.
    """

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
        self.loading: Choice | None = None
        """The model that is to take over."""
        self.remembered = ""
        """The folder's name of the model to begin with the next time, "" for the embedded one."""
        self._chosen: dict[Path, Choice] = {}
        self._brought_back: Path | None = None
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
        """Make the sounds with this model, as soon as it is loaded.

        A LoRA is used with another `strength` than it has, which it keeps.
        """
        name = choice.folder.name
        if choice.card is None:
            self._session.notify(choice.problem, "warning")
        elif strength is not None and choice.strength not in (None, strength):

            def changed(_: None) -> None:
                self._load(choice)
                self.look()

            self._run(lambda: self._store.set_strength(name, strength), changed)
        elif self.loading is not None and choice.folder == self.loading.folder:
            pass
        elif choice.folder != self.folder:
            self._load(choice)
        elif self.loading is not None:
            self._engine.cancel_switch()
            self._stay()

    def bring_back(self, name: str) -> None:
        """Use the model of the last time, if it is still there, with the steps of that time."""
        folder = self.home / name
        if not name or not folder.is_dir():
            return

        def load(choice: Choice) -> None:
            if choice.card is None:
                self._session.notify(choice.problem, "warning")
            elif self.loading is None:
                self._brought_back = folder
                self._load(choice)

        self.remembered = name
        self._run(lambda: _choice(folder), load)

    def on_answer(self, answer: SwitchAnswer) -> None:
        """Take in what has become of the model that was to take over."""
        name = _name(self._chosen[answer.model_folder])
        match answer:
            case ModelUnloaded():
                self._on_room(name)
            case Switched(folder):
                self._on_switched(self._chosen[folder])
            case SwitchFailed(folder, message):
                engine = self._session.engine
                more = "" if engine.failed else f" {engine.model} goes on making the sounds."
                self._session.notify(f"{name}: {message}{more}", "error")
                if self.loading is not None and self.loading.folder == folder:
                    self._stay()

    def _load(self, choice: Choice) -> None:
        session, name = self._session, _name(choice)
        self.loading, self._chosen[choice.folder] = choice, choice
        self.remembered = self._name_to_remember(choice.folder)
        self._engine.switch_model(choice.folder)
        session.set_engine(replace(session.engine, loading=name))
        if session.engine.failed:
            session.notify(f"{name} is loading.")
        else:
            session.notify(f"{name} is loading. Until it is ready, {session.engine.model} goes on.")
        self.changed.emit()

    def _on_room(self, name: str) -> None:
        sentence = f"Memory is short for two models: until {name} is ready, nothing can be made."
        engine = replace(self._session.engine, text=sentence, ready=False, failed=False)
        self._session.set_engine(engine)
        self._session.notify(sentence, "warning")

    def _on_switched(self, choice: Choice) -> None:
        session, card = self._session, choice.card
        assert card is not None
        self.folder = choice.folder
        if self.loading is not None and self.loading.folder == choice.folder:
            self.loading = None
        if self._brought_back != choice.folder:
            session.steps = card.default_steps
        self._brought_back = None
        coming = "" if self.loading is None else _name(self.loading)
        session.set_engine(replace(session.engine, loading=coming), frozenset(card.vocabulary))
        session.notify(f"{card.name} is ready: it makes the sounds from now on.")
        self.changed.emit()

    def _stay(self) -> None:
        """Show that no other model is coming."""
        engine = replace(self._session.engine, loading="")
        if not engine.ready and not engine.failed:
            engine = replace(engine, text=f"{engine.model} is loading.")
        self.loading = None
        self.remembered = self._name_to_remember(self.folder)
        self._session.set_engine(engine)
        self.changed.emit()

    def _name_to_remember(self, folder: Path) -> str:
        return folder.name if folder.parent == self.home else ""

    # --- adding ---

    def add(self, source: Path) -> None:
        """Copy a model's folder or file."""
        self._run(lambda: self._store.add(source), self._added)

    def add_lora(self, source: Path, base: Choice, strength: float) -> None:
        """Make a model of a LoRA and the model that it changes."""
        if base.folder.parent != self.home or base.strength is not None:
            self._session.notify(
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
            from engine.library.hub import FetchStopped

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
            from engine.library.hub import keep_token

            keep_token(token.strip())

        self._run(work, lambda _: then())

    # --- removing ---

    def may_remove(self, choice: Choice) -> bool:
        """Say whether a model was added, and neither makes the sounds nor is about to."""
        used = {self.folder} | ({self.loading.folder} if self.loading else set())
        bases = {other.base for other in self.choices if other.folder in used}
        return choice.folder.parent == self.home and choice.folder not in used | bases

    def changing(self, choice: Choice) -> tuple[str, ...]:
        """Return the names of the LoRAs that cannot be used without a model."""
        return tuple(other.folder.name for other in self.choices if other.base == choice.folder)

    def remove(self, choice: Choice) -> None:
        """Delete a model that `may_remove`; the sounds that were made with it stay."""
        name = choice.folder.name

        def removed(_: None) -> None:
            self._session.notify(f"{name} was removed.")
            self.look()

        if self.may_remove(choice):
            self._run(lambda: self._store.remove(name), removed)

    # --- how ---

    def _added(self, folder: Path | None) -> None:
        if folder is None:
            self._session.notify("Fetching was stopped; the next try goes on where it ended.")
        else:
            self._session.notify(f"{folder.name} was added.")
        self.look()

    def _run(self, work: Callable[[], Result], done: Callable[[Result], object]) -> None:
        self._background.run(work, done, self._complain)

    def _complain(self, sentence: str) -> None:
        self._session.notify(sentence, "error")
        self.changed.emit()


def _hugging_face() -> Hub:
    from engine.library.hub import Hub

    return Hub()


def _name(choice: Choice) -> str:
    return choice.folder.name if choice.card is None else choice.card.name


def _choice(folder: Path) -> Choice:
    try:
        card = read_card(folder)
        if not has_adapter(folder):
            return Choice(folder, card)
        adapter = read_adapter_file(folder)
        return Choice(folder, card, "", adapter.strength, folder.parent / adapter.base.name)
    except EngineError as error:
        return Choice(folder, None, str(error))
