"""Networks that are filled from a file: nothing is drawn, and nothing slow is imported."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from engine.hardware.weights import SkipInit


def test_nothing_random_is_drawn_for_networks_to_be_filled() -> None:
    before = torch.get_rng_state()
    with SkipInit():
        built = nn.ModuleList(
            [nn.Linear(3, 4), nn.Conv1d(3, 4, 5), nn.ConvTranspose1d(3, 4, 5), nn.Embedding(3, 4)]
        )
    assert torch.equal(before, torch.get_rng_state())
    assert [tuple(module.get_parameter("weight").shape) for module in built] == [
        (4, 3),
        (4, 3, 5),
        (3, 4, 5),
        (3, 4),
    ]
    assert all(module.weight.requires_grad for module in built)
    nn.Linear(3, 4)
    assert not torch.equal(before, torch.get_rng_state())


def test_building_a_published_model_does_not_import_torch_s_compiler() -> None:
    program = """
import json, sys
from pathlib import Path
from engine.loading.stable_audio.config_open import parse_config
from engine.loading.stable_audio.model import PublishedNetworks
from engine.hardware.weights import SkipInit
table = json.loads(Path("tests/data/parity/model_config.json").read_text(encoding="utf-8"))
with SkipInit():
    PublishedNetworks(parse_config(table))
print([name for name in ("sympy", "torch._dynamo", "transformers") if name in sys.modules])
"""
    run = [sys.executable, "-c", program]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "[]\n"
