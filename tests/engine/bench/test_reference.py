"""The comparison with a double of stable-audio-tools that makes our own sound, or another."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.api import EngineError, Recipe
from engine.bench.reference import compare, load_reference, quiet_agreement_db
from engine.generation.generator import Generator
from engine.library.card import EMBEDDED_FOLDER, read_card
from engine.loading.model_folder import load_model
from tests.fakes.engine.published_folder import PARITY, PARITY_3, change_config, write_published

RECIPE = Recipe("sports car passing by", seconds=0.3, steps=2)


class Double(nn.Module):
    """Takes the published weights strictly and makes what our own network makes, times a gain."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain
        self.asked: list[dict[str, Any]] = []
        self.own, _ = load_model(PARITY)

    def configured(self, table: dict[str, Any]) -> Double:
        self.table = table
        return self

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        assert state_dict.keys() == load_file(PARITY / "model.safetensors").keys()

    def make(self, **asked: Any) -> Tensor:  # noqa: ANN401
        self.asked.append(asked)
        print(asked["seed"])  # noqa: T201 - as the other program does
        (told,) = asked["conditioning"]
        generator = Generator(self.own, read_card(PARITY), "cpu", "float32")
        recipe = Recipe(told["prompt"], told["seconds_total"], asked["steps"], asked["seed"])
        samples = generator.generate(recipe).clip.samples
        return torch.from_numpy(samples.T.copy())[None] * self.gain


def install(monkeypatch: pytest.MonkeyPatch, double: Double) -> None:
    package = ModuleType("stable_audio_tools")
    models, inference = ModuleType("m"), ModuleType("i")
    models.create_model_from_config = double.configured  # type: ignore[attr-defined]
    generation = ModuleType("g")
    generation.generate_diffusion_cond = (  # type: ignore[attr-defined]
        lambda model, **asked: model.make(**asked)
    )
    for name, module in (
        ("", package), (".models", models), (".inference", inference),
        (".inference.generation", generation),
    ):  # fmt: skip
        monkeypatch.setitem(sys.modules, f"stable_audio_tools{name}", module)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(load_model(PARITY)[0], read_card(PARITY), "cpu", "float32")


@pytest.mark.parametrize(("gain", "least", "most"), [(1.0, 100, 400), (0.9, 18, 22)])
def test_both_make_the_same_recipe_and_agreement_is_measured(
    generator: Generator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    gain: float, least: float, most: float,
) -> None:  # fmt: skip
    double = Double(gain)
    install(monkeypatch, double)
    found = compare(generator, PARITY, RECIPE, 2)
    assert found.agreement_db is not None and least < found.agreement_db < most
    assert found.ratio == pytest.approx(found.there_ms.median / found.here_ms.median, abs=0.01)
    assert [asked["seed"] for asked in double.asked] == [0, 1, 2, 3]
    assert double.asked[0]["sampler_type"] == "pingpong"
    assert capsys.readouterr().out == ""


def test_the_other_program_decodes_in_single_precision_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    double = Double(1.0)
    install(monkeypatch, double)
    folder = write_published(tmp_path / "half")

    def ask_for_half(table: dict[str, Any]) -> None:
        table["model"]["pretransform"]["model_half"] = True

    change_config(folder / "model_config.json", ask_for_half)
    load_reference(folder, "cpu")
    assert double.table["model"]["pretransform"]["model_half"] is False


def test_agreement_leaves_out_what_is_rounded_off_and_faded() -> None:
    theirs = np.full((2000, 2), 0.5, np.float32)
    ours = theirs.copy()
    theirs[800], ours[:20], ours[1900:] = 2.0, 0.0, 0.0
    assert quiet_agreement_db(ours, theirs) > 200


def test_without_the_other_program_or_a_published_model_it_is_said(generator: Generator) -> None:
    with pytest.raises(EngineError, match="stable-audio-tools is not in this Python"):
        compare(generator, PARITY, RECIPE, 1)
    with pytest.raises(EngineError, match="Stable Audio 3 has code of its own"):
        compare(generator, PARITY_3, RECIPE, 1)
    with pytest.raises(EngineError, match="Only published models"):
        compare(generator, EMBEDDED_FOLDER, RECIPE, 1)
