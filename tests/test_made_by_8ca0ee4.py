"""Files that commit 8ca0ee4 wrote open as they were, and its trainings go on to its losses."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from app.audio.mixer.pad_parameters import PadParameters
from app.midi.messages.controller_map import read_controller_maps
from app.midi.messages.pad_map import make_chromatic_map, read_pad_map
from app.midi.messages.targets import TARGETS
from app.model.storage.kit_folder import open_kit
from engine.api import Recipe
from engine.files.audio import read_clip
from engine.generation.generator import load_generator
from engine.training.train import train
from tests.fakes.app.whole_instrument import WholeInstrument
from tests.fakes.engine.tiny_runs import curve

DATA = Path(__file__).parent / "data/made-by-8ca0ee4"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A player's folders, where this test may change them."""
    home = tmp_path / "home"
    shutil.copytree(DATA / "home", home)
    session = home / "data/session.json"
    session.write_text(session.read_text(encoding="utf-8").replace("@HOME@", home.as_posix()))
    monkeypatch.setenv("PINGPAD_HOME", str(home))
    return home


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs that were stopped after their third step; their configs name each other."""
    with tarfile.open(DATA / "trainings.tar.xz") as archive:
        archive.extractall(tmp_path / "runs", filter="data")
    monkeypatch.chdir(tmp_path / "runs")
    return tmp_path / "runs"


def assert_goes_on(run: Path) -> None:
    """Train to the end; every line of metrics is what 8ca0ee4 logged, to rounding."""
    config = run.with_suffix(".toml")
    shutil.copy(run / "config.toml", config)
    train(config, run)
    for now, then in zip(curve(run), curve(DATA / "metrics" / run.name), strict=True):
        assert now == pytest.approx(then, rel=1e-4)


def test_a_session_is_back_with_its_settings(home: Path) -> None:
    instrument = WholeInstrument()
    instrument.start()
    session, pads = instrument.session, instrument.pads
    assert instrument.said() == []
    assert (session.prompt, session.bpm, session.seed, session.steps) == ("hat", 97.5, 12, 4)
    assert (session.strength, session.swap_at, session.record_start) == (0.4, "bar", "beat")
    assert (session.length_unit, session.bars, session.master_gain_db) == ("bars", 1, -3.0)
    assert [pad.title for pad in pads if pad.title] == ["punchy kick", "warm pad"]
    assert pads[4].record().parameters == PadParameters(
        "loop", -6.0, 2, tune=3.5, low_pass_hz=2000.0, attack_s=0.1
    )
    for pad, name in ((0, "punchy-kick_001"), (4, "warm-pad_001")):
        take = pads[pad].takes.current
        assert take is not None and take.recipe is not None
        path = next((home / "data/takes").glob(f"*/{name}.wav"))
        assert np.array_equal(take.clip.samples, read_clip(path).samples)
        assert take.recipe.prompt == name[:-4].replace("-", " ")
    instrument.stop()


def test_every_control_that_was_taught_still_does_what_it_did(home: Path) -> None:
    maps = read_controller_maps(home / "config/controllers")
    assert maps.errors == ()
    assert {binding.target.name for binding in maps.learnt} == set(TARGETS)
    assert read_pad_map(home / "config/pad_maps/my-pads.toml").notes == make_chromatic_map().notes


def test_a_kit_opens_as_it_was_saved() -> None:
    kit = open_kit(DATA / "My kit.pingpad")
    first, last = kit.pads[0], kit.pads[15]
    assert (kit.name, first.name, first.locked, first.current) == ("My kit", "Boom", True, 0)
    assert first.parameters == PadParameters("gate", -3.5, 2, tune=-7.0)
    recorded, made = first.takes
    assert (recorded.kind, made.kind, made.whole_ms) == ("recorded", "generated", 123.5)
    assert made.recipe == Recipe("punchy 909 kick", 0.05, 8, 7, 0.7, recorded.id, "embedded")
    assert [take.name for take in last.takes] == ["наковальня 🔨"]


def test_a_model_of_the_players_own_makes_the_same_sound(home: Path) -> None:
    generator = load_generator(home / "data/models/mine", "cpu")
    assert generator.card.name == "mine"
    made = generator.generate(Recipe("deep kick", 0.3, 4, 7)).clip.samples
    # A step of the file's 16 bits, and rounding that differs between processors.
    then = read_clip(DATA / "deep kick.wav").samples
    assert np.abs(made - then).max() < 1e-4 and np.abs(then).max() > 0.1


def test_flow_and_post_training_go_on_to_the_same_losses(trainings: Path) -> None:
    assert_goes_on(trainings / "flow")
    assert_goes_on(trainings / "warmed")


def test_a_codec_against_critics_goes_on_to_the_same_losses(trainings: Path) -> None:
    assert_goes_on(trainings / "refined")


def test_an_embedder_goes_on_to_the_same_losses(trainings: Path) -> None:
    assert_goes_on(trainings / "embedder")
