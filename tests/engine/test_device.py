"""Devices that are there, and those that are not."""

from __future__ import annotations

import pytest
import torch

from engine.api import EngineError
from engine.device import choose_device, draw_seed


def test_auto_is_a_device_that_works() -> None:
    assert torch.zeros(1, device=choose_device("auto")).item() == 0.0
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["gpu", "", "cuda:99"])
def test_device_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(EngineError, match=f'There is no device "{name}"'):
        choose_device(name)


def test_drawn_seeds_differ_and_can_be_typed() -> None:
    seeds = {draw_seed() for _ in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**31 for seed in seeds)
