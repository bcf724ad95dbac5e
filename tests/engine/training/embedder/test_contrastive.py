"""Training of the embedder: its loss by hand, its measure, and a whole run in miniature."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from engine.files.strict import ConfigError
from engine.loading.embedder_folder import load_embedder_folder
from engine.training.embedder.contrastive import (
    MODEL_FOLDER,
    contrastive_loss,
    measure_retrieval,
    same_captions,
)
from engine.training.run.checkpoint import CHECKPOINT
from engine.training.run.metrics_log import METRICS
from engine.training.run.run_folder import RunFolder
from tests.fakes.engine.tiny_runs import OPTIMISER, start

EMBEDDER_RUN = f"""
stage = "embedder"
held_out = 6
{OPTIMISER}
[sizes]
dims = 8
width = 16
dilations = [1, 2]
text_layers = 1
heads = 2
"""


def test_loss_of_two_pairs_is_the_known_one() -> None:
    # Cosines [[1, 0], [0, 1]] at scale ln 3: each softmax gives its own pair 3 / 4.
    loss = contrastive_loss(torch.eye(2), torch.eye(2), torch.tensor(math.log(3)), torch.eye(2) > 0)
    assert float(loss) == pytest.approx(math.log(4 / 3))


def test_the_other_way_round_costs_more() -> None:
    swapped = torch.eye(2).flip(0)
    loss = contrastive_loss(torch.eye(2), swapped, torch.tensor(math.log(3)), torch.eye(2) > 0)
    assert float(loss) == pytest.approx(math.log(4))


def test_equal_captions_share_the_target() -> None:
    same = torch.ones(2, 2, dtype=torch.bool)
    both = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = contrastive_loss(both, both, torch.tensor(5.0), same)
    assert float(loss) == pytest.approx(math.log(2))


def test_captions_of_the_same_words_are_the_same() -> None:
    same = same_captions(["kick, dry", "dry kick", "wet kick"])
    assert same.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_found_counts_the_right_caption_among_all() -> None:
    audio, text = torch.eye(3), torch.eye(3)[[0, 2, 1]]
    found = measure_retrieval(audio, text, torch.eye(3) > 0)
    assert found.first == pytest.approx(1 / 3)
    assert found.in_five == 1


def test_an_embedder_of_a_players_own_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="learns from rendered sounds"):
        start(tmp_path / "run", EMBEDDER_RUN.replace("[pool]", "[pool]\nfolder = 'sounds'"))


class Killed(BaseException):
    """Ends a training as a power cut would."""


def test_a_killed_run_goes_on_bit_for_bit_and_leaves_an_embedder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = start(tmp_path / "whole", EMBEDDER_RUN)
    log = RunFolder.log

    def dying(self: RunFolder, step: int, values: dict[str, float]) -> None:
        if step == 4:
            raise Killed
        log(self, step, values)

    with monkeypatch.context() as during:
        during.setattr(RunFolder, "log", dying)
        with pytest.raises(Killed):
            start(tmp_path / "cut", EMBEDDER_RUN)
    cut = start(tmp_path / "cut", EMBEDDER_RUN)
    one, other = (torch.load(run / CHECKPOINT, weights_only=True) for run in (whole, cut))
    for name, value in one["optimising"]["average"].items():
        assert torch.equal(value, other["optimising"]["average"][name]), name
    lines = [json.loads(line) for line in (whole / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    model, card = load_embedder_folder(whole / MODEL_FOLDER)
    assert (card.steps, card.candidates) == (6, 6)
    assert 0 <= card.found_first <= card.found_in_five <= 1
    assert model.embed_text(["kick"]).shape == (1, 8)
