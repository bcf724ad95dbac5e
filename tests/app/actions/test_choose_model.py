"""Choosing, adding and fetching models, with the engine's double and a hub on loopback."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from at_once import BackgroundAtOnce
from fake_engine import FakeEngine
from fake_hub import FakeHub, running
from published_folder import CONFIG, PARITY, WEIGHTS, write_published, write_text_encoder

from app.actions.choose_model import Choice, ChooseModel
from app.model.session import Session
from engine.hub import Hub, Offer
from engine.model_card import EMBEDDED_FOLDER
from engine.model_store import ModelStore


class Room:
    """A session, an engine's double and the action, without threads."""

    def __init__(self, folder: Path, hub: FakeHub | None = None) -> None:
        self.session = Session()
        self.said: list[str] = []
        self.session.notice.connect(lambda notice: self.said.append(notice.text))
        self.engine = FakeEngine(lambda answer: None)
        self.engine.start()
        self.store = ModelStore(folder / "models")
        self.models = ChooseModel(self.session, self.engine, BackgroundAtOnce(), self.store)
        if hub is not None:
            self.models.make_hub = partial(Hub, hub.endpoint)

    def named(self, name: str) -> Choice:
        self.models.look()
        return next(choice for choice in self.models.choices if choice.folder.name == name)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_the_embedded_model_is_in_use_and_listed_first(room: Room) -> None:
    room.models.look()
    assert [choice.folder for choice in room.models.choices] == [EMBEDDED_FOLDER]
    assert room.models.folder == EMBEDDED_FOLDER


def test_an_added_model_is_used_with_its_own_steps_and_words(room: Room, tmp_path: Path) -> None:
    room.models.add(write_published(tmp_path / "small"))
    assert room.said == ["small was added."]
    room.session.steps = 3
    room.models.use(room.named("small"))
    assert room.engine.used == [room.store.root / "small"]
    assert room.session.steps == 8
    assert not room.session.engine.ready
    assert room.session.engine.text == "small is loading."
    assert room.session.vocabulary == frozenset()
    assert room.models.remembered == "small"
    room.models.use(room.named("small"))
    assert len(room.engine.used) == 1
    room.models.use(room.models.choices[0])
    assert room.engine.used[-1] == EMBEDDED_FOLDER
    assert room.session.vocabulary
    assert room.models.remembered == ""


def test_a_broken_model_is_listed_but_not_used(room: Room, tmp_path: Path) -> None:
    folder = room.store.root / "broken"
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text("name = 3")
    choice = room.named("broken")
    assert choice.card is None and "card.toml" in choice.problem
    room.models.use(choice)
    assert room.engine.used == [] and room.said == [choice.problem]


def test_what_cannot_be_added_is_said(room: Room, tmp_path: Path) -> None:
    room.models.add(tmp_path)
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
        room.models.ask(" a/small ", offers.append)
        assert offers[0].licence == "stable-audio-community"
        assert not [path for _, path, _ in hub.asked if "/resolve/" in path]
        room.models.fetch(offers[0])
        assert room.said == ["small was added."]
        assert room.models.fetched == (0, 0)
        assert room.named("small").card is not None


def test_the_hub_s_refusals_reach_the_player(tmp_path: Path, hub: FakeHub) -> None:
    hub.gated.add("a/small")
    with running(hub):
        room = Room(tmp_path, hub)
        room.models.ask("a/nothing", lambda offer: None)
        room.models.ask("a/small", room.models.fetch)
    assert "There is no model a/nothing" in room.said[0]
    assert "only for accounts" in room.said[1]
