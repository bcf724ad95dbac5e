"""Choosing, adding and fetching models, with the engine's double and a hub on loopback."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.actions.setup.choose_model import ChooseModel
from app.actions.setup.engine_status import EngineStatus
from app.actions.setup.model_library import ModelChoice, ModelLibrary
from app.model.session import Session
from engine.api import Answer, SwitchAnswer, Switched, SwitchFailed
from engine.library.card import EMBEDDED_FOLDER
from engine.library.hub import Hub, Offer
from engine.library.store import ModelStore
from tests.fakes.app.background import BackgroundAtOnce
from tests.fakes.app.main_loop import MainLoop
from tests.fakes.engine.engine_thread import FakeEngine
from tests.fakes.engine.hub import FakeHub, running
from tests.fakes.engine.published_folder import (
    CONFIG,
    PARITY,
    WEIGHTS,
    write_published,
    write_text_encoder,
)


class Room:
    """A session, an engine's double and the action, without threads."""

    def __init__(self, folder: Path, hub: FakeHub | None = None) -> None:
        self.loop = MainLoop()
        self.session = Session()
        self.said: list[str] = []
        self.session.notice.connect(lambda notice: self.said.append(notice.text))
        self.session.set_engine(replace(self.session.engine, ready=True))
        self.engine = FakeEngine(self._hear)
        self.engine.start()
        self.store = ModelStore(folder / "models")
        self.models = ChooseModel(
            self.session,
            self.engine,
            ModelLibrary(self.session, BackgroundAtOnce(self.loop.post), self.store),
            EngineStatus(self.session),
        )
        if hub is not None:
            self.models.library.make_hub = partial(Hub, hub.endpoint)

    def _hear(self, answer: Answer) -> None:
        if isinstance(answer, SwitchAnswer):
            self.models.on_answer(answer)

    def named(self, name: str) -> ModelChoice:
        self.models.library.refresh()
        self.loop.run_posted()
        return next(choice for choice in self.models.library.choices if choice.folder.name == name)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_the_embedded_model_is_in_use_and_listed_first(room: Room) -> None:
    room.models.library.refresh()
    room.loop.run_posted()
    assert [choice.folder for choice in room.models.library.choices] == [EMBEDDED_FOLDER]
    assert room.models.folder == EMBEDDED_FOLDER


def test_an_added_model_is_used_with_its_own_steps_and_words(room: Room, tmp_path: Path) -> None:
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    assert room.said == ["small was added."]
    room.session.steps = 3
    room.session.vocabulary = frozenset({"kick"})
    room.models.use(room.named("small"))
    room.loop.run_posted()
    assert room.engine.used == [room.store.root / "small"]
    assert room.said[-1] == "small is loading. embedded stays in use until then."
    assert room.models.saved_name == "small"
    assert (room.session.steps, room.session.vocabulary) == (3, {"kick"})
    assert room.session.engine.ready and room.session.engine.loading == "small"
    room.models.use(room.named("small"))
    room.loop.run_posted()
    assert len(room.engine.used) == 1
    room.engine.switch()
    assert room.said[-1] == "small is ready and makes the sounds from now on."
    assert (room.session.steps, room.session.vocabulary) == (8, frozenset())
    assert room.session.engine.ready and room.session.engine.loading == ""
    room.models.use(room.named("small"))
    room.loop.run_posted()
    assert len(room.engine.used) == 1
    room.models.use(room.models.library.choices[0])
    room.loop.run_posted()
    assert room.engine.used[-1] == EMBEDDED_FOLDER
    assert room.models.saved_name == ""
    room.engine.switch()
    assert room.session.vocabulary


def test_a_model_that_cannot_be_loaded_leaves_the_one_in_use(room: Room, tmp_path: Path) -> None:
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    room.models.use(room.named("small"))
    room.loop.run_posted()
    room.engine.refuse("It is broken.")
    assert room.said[-1] == "small: It is broken. embedded goes on making the sounds."
    assert (room.models.folder, room.models.loading) == (EMBEDDED_FOLDER, None)
    assert room.models.saved_name == ""
    assert room.session.engine.ready and room.session.engine.loading == ""
    room.models.use(room.named("small"))
    room.loop.run_posted()
    assert len(room.engine.used) == 2


def test_the_model_in_use_is_kept_by_choosing_it_again(room: Room, tmp_path: Path) -> None:
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    room.models.use(room.named("small"))
    room.loop.run_posted()
    room.models.use(room.models.library.choices[0])
    room.loop.run_posted()
    assert room.engine.loading is None and len(room.engine.used) == 1
    assert room.session.engine.loading == "" and room.models.saved_name == ""


def test_where_memory_is_short_the_player_is_told_that_nothing_can_be_made(
    room: Room, tmp_path: Path
) -> None:
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    room.models.use(room.named("small"))
    room.loop.run_posted()
    room.engine.make_room()
    said = "Not enough memory for two models: no sounds can be made until small is ready."
    assert room.said[-1] == room.session.engine.text == said
    assert not room.session.engine.ready
    room.engine.refuse("It is broken.")
    assert room.session.engine.text == "embedded is loading."


def test_what_becomes_of_an_older_choice_leaves_the_newer_one_coming(
    room: Room, tmp_path: Path
) -> None:
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    room.models.library.add(write_published(tmp_path / "other"))
    room.loop.run_posted()
    small, other = room.named("small"), room.named("other")
    room.models.use(small)
    room.loop.run_posted()
    room.models.use(other)
    room.loop.run_posted()
    room.models.on_answer(SwitchFailed(small.folder, "It is broken."))
    assert room.models.loading == other and room.session.engine.loading == "other"
    room.models.on_answer(Switched(small.folder))
    assert room.models.folder == small.folder
    assert room.models.loading == other and room.session.engine.loading == "other"


def test_the_model_of_the_last_time_comes_back_with_the_steps_of_that_time(
    room: Room, tmp_path: Path
) -> None:
    room.models.restore("gone")
    room.loop.run_posted()
    assert room.engine.used == [] and room.models.saved_name == ""
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    room.session.steps = 3
    room.models.restore("small")
    room.loop.run_posted()
    assert room.engine.used == [room.store.root / "small"] and room.models.saved_name == "small"
    room.engine.switch()
    assert room.session.steps == 3
    assert room.models.folder == room.store.root / "small"


def test_a_broken_model_is_listed_but_not_used(room: Room, tmp_path: Path) -> None:
    folder = room.store.root / "broken"
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text("name = 3")
    choice = room.named("broken")
    assert choice.card is None and "card.toml" in choice.problem
    room.models.use(choice)
    room.loop.run_posted()
    assert room.engine.used == [] and room.said == [choice.problem]


def test_only_an_added_model_that_makes_no_sounds_is_removed(room: Room, tmp_path: Path) -> None:
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    assert not room.models.may_remove(room.named("embedded"))
    small = room.named("small")
    room.models.use(small)
    room.loop.run_posted()
    assert not room.models.may_remove(small)
    room.engine.switch()
    assert not room.models.may_remove(small)
    room.models.remove(small)
    room.loop.run_posted()
    assert small.folder.exists()
    room.models.use(room.named("embedded"))
    room.loop.run_posted()
    assert not room.models.may_remove(small)
    room.engine.switch()
    room.models.remove(small)
    room.loop.run_posted()
    assert not small.folder.exists() and room.said[-1] == "small was removed."
    assert [choice.folder for choice in room.models.library.choices] == [EMBEDDED_FOLDER]


def test_the_base_of_a_lora_in_use_is_not_removed(room: Room, tmp_path: Path) -> None:
    room.models.library.add(write_published(tmp_path / "small"))
    room.loop.run_posted()
    file = tmp_path / "funk.safetensors"
    save_file({"a.lora_A.weight": torch.zeros(1, 4), "a.lora_B.weight": torch.zeros(4, 1)}, file)
    room.models.library.add_lora(file, room.named("small"), 1.0)
    room.loop.run_posted()
    small, funk = room.named("small"), room.named("funk")
    assert room.models.may_remove(small) and room.models.library.list_loras(small) == ("funk",)
    room.models.use(funk)
    room.loop.run_posted()
    assert not room.models.may_remove(small)
    room.engine.switch()
    assert not room.models.may_remove(small) and not room.models.may_remove(funk)


def test_what_cannot_be_added_is_said(room: Room, tmp_path: Path) -> None:
    room.models.library.add(tmp_path)
    room.loop.run_posted()
    assert "is not a model" in room.said[0]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    files = {name: (PARITY / name).read_bytes() for name in (CONFIG, WEIGHTS)}
    encoder = {
        path.name: path.read_bytes() for path in write_text_encoder(tmp_path / "e").iterdir()
    }
    return FakeHub(
        {"a/small": files, "t5-small": encoder}, tokens={"hf_right"}, agreed={"hf_right"}
    )


def test_a_model_is_offered_then_fetched_after_the_player_agreed(
    tmp_path: Path, hub: FakeHub
) -> None:
    with running(hub):
        room = Room(tmp_path, hub)
        offers: list[Offer] = []
        room.models.library.ask(" a/small ", offers.append)
        room.loop.run_posted()
        assert offers[0].licence == "stable-audio-community"
        assert not [path for _, path, _ in hub.asked if "/resolve/" in path]
        room.models.library.fetch(offers[0])
        room.loop.run_posted()
        assert room.said == ["small was added."]
        assert room.models.library.fetched == (0, 0)
        assert room.named("small").card is not None


def test_the_hub_s_refusals_reach_the_player(tmp_path: Path, hub: FakeHub) -> None:
    hub.gated.add("a/small")
    with running(hub):
        room = Room(tmp_path, hub)
        room.models.library.ask("a/nothing", lambda offer: None)
        room.loop.run_posted()
        room.models.library.ask("a/small", room.models.library.fetch)
        room.loop.run_posted()
    assert "There is no model a/nothing" in room.said[0]
    assert "only for accounts" in room.said[1]
