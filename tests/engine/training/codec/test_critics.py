"""A codec trained against critics goes on from its checkpoint to the last bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.training.run.checkpoint import CHECKPOINT
from engine.training.run.run_folder import RunFolder
from tests.fakes.engine.tiny_runs import CODEC_RUN, start

TEXT = CODEC_RUN.replace("crop_frames = 8", "crop_frames = 8\nresolution_weight = 0.5") + (
    "\n[critics]\nweight = 0.1\nwidth = 4\n"
)


class Killed(BaseException):
    """Ends a training as a power cut would."""


def test_a_killed_run_with_critics_goes_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunFolder.log

    def dying(self: RunFolder, now: int, values: dict[str, float]) -> None:
        if now == 5:
            raise Killed
        log(self, now, values)

    whole = start(tmp_path / "whole", TEXT)
    with monkeypatch.context() as during:
        during.setattr(RunFolder, "log", dying)
        with pytest.raises(Killed):
            start(tmp_path / "killed", TEXT)
    state = torch.load(tmp_path / "killed" / CHECKPOINT, weights_only=True)
    assert state["step"] == 4
    start(tmp_path / "killed", TEXT)
    first, second = (
        torch.load(folder / CHECKPOINT, weights_only=True)
        for folder in (whole, tmp_path / "killed")
    )
    for side in ("optimising", "critics"):
        for part in ("network", "average"):
            for name, value in first[side][part].items():
                assert torch.equal(value, second[side][part][name]), (side, part, name)
        for mine, other in zip(
            first[side]["adam"]["state"].values(),
            second[side]["adam"]["state"].values(),
            strict=True,
        ):
            assert all(torch.equal(mine[key], other[key]) for key in mine)


def test_refining_against_critics_leaves_the_encoder_and_the_latents_as_they_were(
    tmp_path: Path,
) -> None:
    codec = start(tmp_path / "codec", CODEC_RUN)
    refined = start(tmp_path / "refined", f"refine = '{codec}'\n{TEXT.lstrip()}")
    first, second = (
        torch.load(folder / "codec.pt", weights_only=True)["codec"] for folder in (codec, refined)
    )
    same = {name for name, value in first.items() if torch.equal(value, second[name])}
    kept = {name for name in first if not name.startswith("decoder")}
    assert same == kept
