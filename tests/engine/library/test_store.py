"""Models are added whole or not at all, from folders, files and a hub on loopback."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.cli import main as command_line
from engine.api import EngineError
from engine.cli.models import show_fetching
from engine.library.card import list_models, read_card
from engine.library.hub import (
    FetchCancelled,
    Hub,
    LicenceNotAcceptedError,
    NoNetworkError,
    TokenNeededError,
)
from engine.library.store import SPARE_BYTES, UNFINISHED, ModelStore
from engine.loading.model_folder import load_model
from tests.fakes.engine.hub import FakeHub, running
from tests.fakes.engine.published_folder import (
    CONFIG,
    PARITY,
    PARITY_3,
    WEIGHTS,
    write_published,
    write_text_encoder,
)
from tests.log_watch import LogWatch

SMALL, T5 = "stabilityai/small", "t5-small"
TOKEN = "hf_right"


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_published(tmp_path / "downloads" / "small ä")


def held(store: ModelStore) -> list[str]:
    return sorted(path.name for path in store.root.iterdir()) if store.root.exists() else []


def refused(add: Callable[[], object]) -> str:
    with pytest.raises(EngineError) as caught:
        add()
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def yes(done: int, total: int) -> bool:
    return True


# --- folders and files ---


def test_a_folder_is_copied_and_plays(store: ModelStore, source: Path) -> None:
    place = store.add(source)
    assert place == store.root / "small ä"
    assert list_models(store.root) == [place]
    load_model(place)
    assert {p.name for p in source.iterdir()} == {CONFIG, WEIGHTS, "t5"}


def test_a_file_brings_the_config_beside_it(store: ModelStore, source: Path) -> None:
    place = store.add(source / WEIGHTS, "mine")
    assert {p.name for p in place.iterdir()} == {CONFIG, WEIGHTS}


def test_a_lora_becomes_a_model_of_its_own(store: ModelStore, source: Path) -> None:
    store.add(source, "base")
    file = source.parent / "bent.safetensors"
    stem = "model.transformer.layers.0.self_attn.to_out.parametrizations.weight.0"
    save_file({f"{stem}.lora_A": torch.ones(1, 128), f"{stem}.lora_B": torch.ones(128, 1)}, file)
    assert "say which model it changes" in refused(lambda: store.add(file))
    assert "no model gone" in refused(lambda: store.add_lora(file, "gone"))
    assert "is no LoRA" in refused(lambda: store.add_lora(source / WEIGHTS, "base"))
    assert "strength of a LoRA" in refused(lambda: store.add_lora(file, "base", 9, "bad"))
    place = store.add_lora(file, "base", 0.5)
    assert read_card(place).summary == "base with a LoRA, strength 0.5."
    load_model(place)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-1]), "no whole"),
        (lambda f: (f / WEIGHTS).write_text("<!DOCTYPE html>" * 99), "no whole safetensors"),
        (lambda f: (f / WEIGHTS).write_bytes(b""), "no whole safetensors"),
        (lambda f: (f / CONFIG).write_text("{}"), "cannot play"),
        (lambda f: (f / CONFIG).unlink(), "is not a model"),
        (shutil.rmtree, "There is no file"),
    ],
    ids=["truncated", "html", "empty", "config", "no config", "gone"],
)
def test_what_is_spoilt_is_refused_and_nothing_is_left(
    store: ModelStore, source: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(source)
    assert said in refused(lambda: store.add(source))
    assert held(store) == []


@pytest.mark.parametrize("name", ["..", " . ", "/"])
def test_impossible_names_are_refused(store: ModelStore, source: Path, name: str) -> None:
    assert "cannot be called" in refused(lambda: store.add(source, name))
    assert held(store) == []


def test_a_name_never_leads_out_of_the_store(store: ModelStore, source: Path) -> None:
    assert store.add(source, "../../elsewhere").parent == store.root
    assert "no model .." in refused(lambda: store.remove(".."))
    assert source.is_dir() and held(store) == ["elsewhere"]


def test_no_model_is_overwritten(store: ModelStore, source: Path) -> None:
    store.add(source)
    assert "already" in refused(lambda: store.add(source))
    store.remove("small ä")
    assert held(store) == []
    store.add(source)


def test_room_is_asked_for_first(tmp_path: Path, source: Path) -> None:
    store = ModelStore(tmp_path / "models", lambda folder: SPARE_BYTES + 1000)
    assert "make room first" in refused(lambda: store.add(source))
    assert held(store) == []


# --- the hub ---


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 100_000)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    files = {name: (PARITY / name).read_bytes() for name in (CONFIG, WEIGHTS)}
    files["README.md"] = b"# Small"
    t5 = write_text_encoder(tmp_path / "t5 source")
    encoder = {path.name: path.read_bytes() for path in t5.iterdir()}
    fake = FakeHub({SMALL: files, T5: encoder | {"tf_model.h5": b"x"}}, tokens={TOKEN, "hf_new"})
    fake.agreed.add(TOKEN)
    with running(fake):
        yield fake


def give_token(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("HF_TOKEN", token)


def fetch(store: ModelStore, fake: FakeHub, on_bytes: Callable[[int, int], bool] = yes) -> Path:
    hub = Hub(fake.endpoint)
    return store.fetch(hub, hub.get_offer(SMALL), on_bytes)


def test_a_model_is_fetched_with_its_text_encoder_and_plays(
    store: ModelStore, hub: FakeHub
) -> None:
    heard: list[tuple[int, int]] = []

    def listen(done: int, total: int) -> bool:
        heard.append((done, total))
        return True

    offer = Hub(hub.endpoint).get_offer(SMALL)
    assert offer.licence == "stable-audio-community"
    assert offer.page == f"{hub.endpoint}/{SMALL}"
    place = fetch(store, hub, listen)
    assert held(store) == ["small"]
    assert {path.name for path in place.iterdir()} == {CONFIG, WEIGHTS, T5}
    load_model(place)
    totals = list(dict.fromkeys(total for _, total in heard))
    assert len(totals) == 2  # the model, then its text encoder
    first = [done for done, total in heard if total == totals[0]]
    assert first == sorted(first) and first[-1] == totals[0]
    assert not [path for _, path, _ in hub.asked if path.endswith(("README.md", ".h5"))]


def test_a_text_encoder_in_the_model_s_own_repository_comes_with_its_folder(
    store: ModelStore, hub: FakeHub
) -> None:
    repository = "stabilityai/stable-audio-3-small-music"
    files = {
        str(path.relative_to(PARITY_3)): path.read_bytes()
        for path in PARITY_3.rglob("*")
        if path.is_file()
    }
    hub.repositories[repository] = files | {"docs/picture.png": b"x"}
    client = Hub(hub.endpoint)
    place = store.fetch(client, client.get_offer(repository), yes)
    assert {path.name for path in place.iterdir()} == {CONFIG, WEIGHTS, "t5gemma-b-b-ul2"}
    load_model(place)
    # One that lies in another repository, as the other models of the family have it.
    hub.repositories["owner/sfx"] = {name: files[name] for name in (CONFIG, WEIGHTS)}
    place = store.fetch(client, client.get_offer("owner/sfx"), yes)
    load_model(place)


def test_what_broke_off_goes_on_where_it_ended(
    store: ModelStore, hub: FakeHub, log_watch: LogWatch
) -> None:
    log_watch.expect("Error while downloading")
    hub.cut_at = 2_000_000
    with contextlib.suppress(NoNetworkError):  # the library may try again by itself
        fetch(store, hub)
    if held(store) != ["small"]:
        fetch(store, hub)
    ranges = [span for method, path, span in hub.asked if path.endswith(WEIGHTS) and span]
    assert ranges and int(ranges[-1].split("=")[1].split("-")[0]) > 0
    load_model(store.root / "small")


def test_stopping_keeps_what_is_there_and_lists_nothing(store: ModelStore, hub: FakeHub) -> None:
    with pytest.raises(FetchCancelled):
        fetch(store, hub, lambda done, total: done < 10_000)
    assert held(store) == [f"{UNFINISHED}small"]
    assert list_models(store.root) == []
    fetch(store, hub)
    assert held(store) == ["small"]


def test_a_wrong_checksum_is_removed_and_said(store: ModelStore, hub: FakeHub) -> None:
    hub.wrong.add(WEIGHTS)
    assert "another checksum" in refused(lambda: fetch(store, hub))
    assert not list(store.root.rglob(WEIGHTS))
    hub.wrong.clear()
    fetch(store, hub)


def test_a_gated_model_asks_for_a_token_then_for_the_licence(
    store: ModelStore, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add(SMALL)
    with pytest.raises(TokenNeededError, match="only for accounts"):
        fetch(store, hub)
    give_token(monkeypatch, "hf_new")
    with pytest.raises(LicenceNotAcceptedError, match="has not agreed"):
        fetch(store, hub)
    give_token(monkeypatch, TOKEN)
    fetch(store, hub)
    assert held(store) == ["small"]


def test_a_wrong_token_is_told_apart(
    store: ModelStore, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_token(monkeypatch, "hf_wrong")
    with pytest.raises(TokenNeededError, match="does not accept the token"):
        fetch(store, hub)


def test_an_unknown_name_and_a_broken_server_are_told_apart(
    store: ModelStore, hub: FakeHub
) -> None:
    ours = Hub(hub.endpoint)
    assert "There is no model some/body" in refused(lambda: ours.get_offer("some/body"))
    assert "There is no model a b c" in refused(lambda: ours.get_offer("a b c"))
    hub.failing = True
    assert "answered with an error (500)" in refused(lambda: ours.get_offer(SMALL))


def test_no_network_is_said(store: ModelStore) -> None:
    with pytest.raises(NoNetworkError, match="cannot be reached"):
        Hub("http://127.0.0.1:9").get_offer(SMALL)


def test_a_repository_without_a_model_is_refused(store: ModelStore, hub: FakeHub) -> None:
    ours = Hub(hub.endpoint)
    assert "holds no model" in refused(lambda: store.fetch(ours, ours.get_offer(T5), yes))
    assert held(store) == []


# --- the command line ---


def models(*arguments: str) -> int:
    return command_line.main(["models", *arguments])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    monkeypatch.setenv("PINGPAD_HOME", str(tmp_path / "home"))
    return ModelStore(tmp_path / "home" / "data" / "models")


def test_models_are_added_listed_and_removed_by_command(
    home: ModelStore, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models("add", str(source)) == 0
    assert "added: " in capsys.readouterr().err
    assert models() == 0
    assert "small ä: A published model" in capsys.readouterr().out
    assert models("remove", "small ä") == 0
    assert held(home) == []
    assert models("remove", "small ä") == 1
    assert models("add", str(source / "nothing")) == 1
    assert "There is no file" in capsys.readouterr().err


def test_a_licence_is_shown_and_nothing_is_fetched_before_it_is_accepted(
    home: ModelStore, hub: FakeHub, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("engine.library.hub.Hub", partial(Hub, hub.endpoint))
    assert models("add", SMALL) == 1
    said = capsys.readouterr().err
    assert "stable-audio-community" in said and "--accept-licence" in said
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    assert models("add", SMALL) == 1
    assert "was not accepted" in capsys.readouterr().err
    assert held(home) == [] and not [path for _, path, _ in hub.asked if "/resolve/" in path]
    monkeypatch.setattr("builtins.input", lambda question: "Yes")
    assert models("add", SMALL) == 0
    assert held(home) == ["small"]


def test_a_missing_token_is_asked_for_and_kept(
    home: ModelStore, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated.add(SMALL)
    monkeypatch.setattr("engine.library.hub.Hub", partial(Hub, hub.endpoint))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda question: TOKEN)
    monkeypatch.setattr(
        "engine.library.hub.store_token", lambda token: monkeypatch.setenv("HF_TOKEN", token)
    )
    assert models("add", SMALL, "--accept-licence", "--name", "gated") == 0
    assert held(home) == ["gated"]


def test_progress_tells_share_and_size_where_there_is_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out, file = Terminal(), io.StringIO()
    for stream in (out, file):
        with show_fetching(stream) as on_bytes:
            assert on_bytes(10 << 20, 100 << 20) and on_bytes(20 << 20, 100 << 20)
    assert " 20%|" in out.getvalue() and "20.0M/100M" in out.getvalue()
    assert file.getvalue() == ""
