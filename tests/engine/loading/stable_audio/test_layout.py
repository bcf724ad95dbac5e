"""Stable-audio-open-small in full size: its 750 tensors, and a whole generation from them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from engine.api import Recipe
from engine.bench.full_size import CONFIG, write_model
from engine.generation.generator import load_generator
from engine.hardware.weights import SkipInit
from engine.loading.stable_audio.config_open import parse_config
from engine.loading.stable_audio.model import CODEC, PublishedNetworks
from tests.fakes.engine.published_folder import PUBLISHED

RELEASED_BYTES = 1_676_829_212
SHAPES = {
    name: torch.Size(shape)
    for name, shape in json.loads((PUBLISHED / "shapes.json").read_text(encoding="utf-8")).items()
}
SLOW = "PINGPAD_SLOW_TESTS"


def is_half(name: str) -> bool:
    """The release holds its autoencoder in half precision."""
    return name.startswith(CODEC)


def networks(name: str = "model_config.json") -> PublishedNetworks:
    config = parse_config(json.loads((PUBLISHED / name).read_text(encoding="utf-8")))
    with SkipInit():
        return PublishedNetworks(config)


@pytest.mark.parametrize("name", ["model_config.json", "base_model_config.json"])
def test_the_networks_want_exactly_the_released_tensors(name: str) -> None:
    assert len(SHAPES) == 750
    assert networks(name).published_shapes() == SHAPES


def test_the_bench_times_a_model_of_that_size() -> None:
    with SkipInit():
        assert PublishedNetworks(parse_config(CONFIG)).published_shapes() == SHAPES


def test_a_file_of_that_table_is_as_long_as_the_released_one(tmp_path: Path) -> None:
    header, end = {}, 0
    for name in sorted(SHAPES, key=lambda name: (is_half(name), name)):
        begin, end = end, end + SHAPES[name].numel() * (2 if is_half(name) else 4)
        kind = "F16" if is_half(name) else "F32"
        header[name] = {"dtype": kind, "shape": list(SHAPES[name]), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)  # a hole: no room is taken
    assert path.stat().st_size == RELEASED_BYTES
    with safe_open(path, "pt") as held:
        shapes = {name: held.get_slice(name).get_shape() for name in held.offset_keys()}
    assert {name: torch.Size(shape) for name, shape in shapes.items()} == SHAPES


@pytest.mark.skipif(
    SLOW not in os.environ,
    reason=f"writes 2.1 GB, takes 5 GB of memory and a minute or more: set {SLOW}=1",
)
def test_random_weights_of_full_size_make_twelve_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_model(tmp_path / "full size")
    assert (folder / "model.safetensors").stat().st_size == RELEASED_BYTES
    generator = load_generator(folder, "cpu")
    made = generator.generate(Recipe("latin funk drumset 115 BPM", seconds=12.0, steps=8, seed=1))
    with capsys.disabled():
        print(f"\n{generator.precision}: {made.timing}")  # noqa: T201
    assert made.clip.frames == 524_288
    assert np.abs(made.clip.samples).max() > 0
