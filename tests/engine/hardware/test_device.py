"""Devices that are there, and those that are not."""

from __future__ import annotations

import json
import math

import pytest
import torch

from engine.api import EngineError
from engine.hardware import device as device_module
from engine.hardware.device import cache_folder, choose_device, draw_seed, measure_seconds


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


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "list_devices", lambda: ["cuda", "cpu"])
    monkeypatch.setattr(device_module, "machine_name", lambda name: f"a {name}")


@pytest.mark.parametrize("fastest", ["cuda", "cpu"])
@pytest.mark.usefixtures("with_gpu")
def test_the_fastest_device_is_measured_once_and_remembered(fastest: str) -> None:
    asked: list[str] = []

    def measure(name: str) -> float:
        asked.append(name)
        return 0.1 if name == fastest else math.inf

    assert choose_device("auto", measure) == fastest
    assert asked == ["cuda", "cpu"]
    assert choose_device("auto", measure) == fastest
    assert asked == ["cuda", "cpu"]
    assert json.loads((cache_folder() / "devices.json").read_text())["seconds"][fastest] == 0.1


@pytest.mark.usefixtures("with_gpu")
def test_other_devices_and_spoilt_files_are_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("auto", len) == "cpu"
    monkeypatch.setattr(device_module, "machine_name", lambda name: f"another {name}")
    assert choose_device("auto", lambda name: -len(name)) == "cuda"
    for text in ("", "[]", '{"machine": 3}', "\xff"):
        (cache_folder() / "devices.json").write_text(text, encoding="latin-1")
        assert choose_device("auto", len) == "cpu"


def test_where_there_is_one_device_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "list_devices", lambda: ["cpu"])
    assert choose_device("auto", lambda name: 1 / 0) == "cpu"


def test_a_device_is_measured_by_work_and_one_that_fails_takes_for_ever() -> None:
    assert 0 < measure_seconds("cpu") < 60
    assert measure_seconds("meta") == math.inf
