"""What is done on GPUs, on a processor: swapped in when ready, recorded, the same numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from published_folder import PARITY
from safetensors.torch import load_file
from torch import Tensor

from engine.api import GenerationCancelled, Recipe
from engine.clip import Clip
from engine.generator import Generator
from engine.gpu import CompiledBlocks, OnGpu, Recorder, tensors_in, with_tensors
from engine.model_card import read_card
from engine.model_folder import load_model
from engine.models.dit import Conditioning, DiffusionTransformer

RECIPE = Recipe("sports car passing by", seconds=0.3, steps=3, seed=7)


class Replayed:
    """A graph that does the work again, into the same tensor, and refuses to draw or to wait."""

    recorded: int = 0

    def record(self, work: Callable[[], Tensor]) -> Tensor:
        Replayed.recorded += 1
        self._work = work
        before = torch.get_rng_state()
        self._filled = work().clone()
        assert torch.equal(before, torch.get_rng_state())
        return self._filled

    def replay(self) -> None:
        self._filled.copy_(self._work())


class Counting:
    """A compiler that leaves everything as it is and counts what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.compiled = 0
        self.error = error

    def __call__(self, graph: Any, example: Any) -> Callable[..., Any]:  # noqa: ANN401
        if self.error is not None:
            raise self.error
        self.compiled += 1
        return graph.forward


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Replayed.recorded = 0
    torch._dynamo.reset()


def network() -> DiffusionTransformer:
    return load_model(PARITY)[0].transformer


def told(data: dict[str, Tensor]) -> Conditioning:
    return Conditioning(data["a.cross_attn_cond"], None, data["a.global_cond"])


@torch.inference_mode()
def test_blocks_play_while_they_are_compiled_and_then_swap() -> None:
    data, plain, faster = load_file(PARITY / "dit.safetensors"), network(), network()
    given = data["a.x"], data["a.t"], told(data)
    wanted = plain(*given)
    compiler, waiting = Counting(), list[Callable[[], None]]()
    blocks = CompiledBlocks(faster, compiler, waiting.append)
    assert torch.equal(faster(*given), wanted)
    assert (len(waiting), blocks.shapes, compiler.compiled) == (1, 0, 0)
    thread = threading.Thread(target=waiting.pop())
    thread.start()
    thread.join()
    # All blocks are alike, so that one of them was compiled for all.
    assert (blocks.shapes, compiler.compiled) == (1, 1)
    assert (faster(*given) - wanted).abs().max() < 1e-6
    assert (compiler.compiled, waiting) == (1, [])
    half = data["a.x"][..., :8]
    shorter = faster(half, data["a.t"], told(data))
    assert (shorter - plain(half, data["a.t"], told(data))).abs().max() < 1e-6
    assert (len(waiting), compiler.compiled) == (1, 1)


@torch.inference_mode()
def test_blocks_that_cannot_be_compiled_play_on(caplog: pytest.LogCaptureFixture) -> None:
    data, faster = load_file(PARITY / "dit.safetensors"), network()
    blocks = CompiledBlocks(faster, Counting(ValueError("no compiler")), lambda work: work())
    wanted = network()(data["a.x"], data["a.t"], told(data))
    for _ in range(2):
        assert torch.equal(faster(data["a.x"], data["a.t"], told(data)), wanted)
    assert blocks.shapes == 0
    assert caplog.text.count("they play as they are") == 1


def on_gpu(generator: Generator) -> Generator:
    """A generator that does what it would do on a GPU."""
    blocks = CompiledBlocks(generator._model.transformer, Counting(), lambda work: None)
    generator._gpu = OnGpu(blocks, Recorder(Replayed))
    return generator


def plain() -> Generator:
    return Generator(load_model(PARITY)[0], read_card(PARITY), "cpu", "float32")


def test_recorded_steps_make_the_same_sounds() -> None:
    usual, recorded = plain(), on_gpu(plain())
    for seed, prompt in ((1, "kick"), (2, "kick"), (3, "rain"), (4, "a longer prompt of words")):
        recipe = Recipe(prompt, 0.3, 3, seed)
        ours, theirs = (each.generate(recipe).clip.samples for each in (recorded, usual))
        assert np.array_equal(ours, theirs), prompt
    assert Replayed.recorded == 1
    wave = np.sin(np.arange(13_230) / 20).astype(np.float32)
    source = Clip(np.stack([wave, wave], axis=1), 44_100)
    for strength in (0.5, 0.5, 0.9, 0.5):
        recipe = Recipe("rain", 0.3, 3, 9, strength)
        ours, theirs = (each.generate(recipe, source).clip.samples for each in (recorded, usual))
        assert np.array_equal(ours, theirs), strength
    assert Replayed.recorded == 2


def test_recorded_steps_can_be_cancelled_before_them_and_say_when_they_are_done() -> None:
    recorded = on_gpu(plain())
    seen: list[int] = []
    for _ in range(3):
        recorded.generate(RECIPE, None, lambda step, steps: seen.append(step) is None)
    assert seen == [0, 3, 0, 3, 0, 3]
    with pytest.raises(GenerationCancelled):
        recorded.generate(RECIPE, None, lambda step, steps: False)


def test_what_cannot_be_recorded_is_done_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    class Refuses(Replayed):
        def record(self, work: Callable[[], Tensor]) -> Tensor:
            raise RuntimeError("operation not permitted when stream is capturing")

    recorder = Recorder(Refuses)
    for number in range(4):
        x = torch.full((2,), float(number))
        assert torch.equal(recorder("double", lambda x: x * 2, x), x * 2)
    assert caplog.text.count("they run one by one") == 1


def test_few_recordings_are_kept_and_another_kind_is_another_one() -> None:
    recorder = Recorder(Replayed)
    for _ in range(2):
        for kind in range(6):
            x = torch.ones(3)
            assert torch.equal(recorder(kind, lambda x, kind=kind: x * kind, x), x * kind)
    assert Replayed.recorded == 6 and len(recorder._recordings) == 4


def test_tensors_are_found_in_values_and_replaced() -> None:
    value = Conditioning(torch.zeros(1), None, torch.ones(2))
    nested = (value, [torch.full((3,), 2.0)], "kept", 4)
    found = tensors_in(nested)
    assert [len(each) for each in found] == [1, 2, 3]
    moved = with_tensors(nested, iter([each + 1 for each in found]))
    assert torch.equal(moved[0].overall, torch.full((2,), 2.0)) and moved[0].mask is None
    assert torch.equal(moved[1][0], torch.full((3,), 3.0)) and moved[2:] == ("kept", 4)
