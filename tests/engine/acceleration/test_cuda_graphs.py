"""What GPUs do, on a processor: blocks swapped in when compiled, graphs of the same numbers."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.acceleration.compiled_blocks import CompiledBlocks
from engine.acceleration.cuda_graphs import GraphCache
from engine.acceleration.tensor_tree import list_tensors, replace_tensors
from engine.api import GenerationCancelled, Recipe
from engine.clip import Clip
from engine.generation import decoding, graph_replay
from engine.generation.generator import Generator
from engine.library.card import read_card
from engine.loading.model_folder import load_model
from engine.models.dit import Conditioning, DiffusionTransformer
from tests.fakes.engine.as_on_gpu import Counting, Replayed, on_gpu
from tests.fakes.engine.published_folder import PARITY
from tests.fakes.engine.tiny_model import CARD, tiny_model
from tests.log_watch import LogWatch

RECIPE = Recipe("sports car passing by", seconds=0.3, steps=3, seed=7)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Replayed.captured = 0
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
def test_blocks_that_cannot_be_compiled_play_on(log_watch: LogWatch) -> None:
    data, faster = load_file(PARITY / "dit.safetensors"), network()
    log_watch.expect("run uncompiled", 1)
    blocks = CompiledBlocks(faster, Counting(ValueError("no compiler")), lambda work: work())
    wanted = network()(data["a.x"], data["a.t"], told(data))
    for _ in range(2):
        assert torch.equal(faster(data["a.x"], data["a.t"], told(data)), wanted)
    assert blocks.shapes == 0


def plain() -> Generator:
    return Generator(load_model(PARITY)[0], read_card(PARITY), "cpu", "float32")


def test_a_graph_of_prompt_to_samples_makes_the_same_sounds() -> None:
    usual, captured = plain(), on_gpu(plain())
    for seed, prompt in ((1, "kick"), (2, "kick"), (3, "rain"), (4, "a longer prompt of words")):
        recipe = Recipe(prompt, 0.3, 3, seed)
        ours, theirs = (each.generate(recipe).clip.samples for each in (captured, usual))
        assert np.array_equal(ours, theirs), prompt
    assert Replayed.captured == 1
    wave = np.sin(np.arange(13_230) / 20).astype(np.float32)
    source = Clip(np.stack([wave, wave], axis=1), 44_100)
    for strength in (0.5, 0.5, 0.9, 0.5):
        recipe = Recipe("rain", 0.3, 3, 9, strength)
        ours, theirs = (each.generate(recipe, source).clip.samples for each in (captured, usual))
        assert np.array_equal(ours, theirs), strength
    assert Replayed.captured == 2 and Replayed.copied_out


def test_lengths_close_to_each_other_share_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_replay, "LATENT_MULTIPLE", 4)
    usual, captured = plain(), on_gpu(plain())
    for seconds in (0.3, 0.35, 0.33, 0.1, 0.3, 0.6):
        recipe = Recipe("kick", seconds, 2, seed=1)
        ours, theirs = (each.generate(recipe).clip.samples for each in (captured, usual))
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-5
    assert Replayed.captured == 1


def test_the_embedded_kind_of_model_has_its_steps_captured_alone() -> None:
    usual, captured = (Generator(tiny_model(), CARD, "cpu", "float32") for _ in range(2))
    on_gpu(captured)
    for seed in (1, 2, 3):
        recipe = Recipe("deep kick", 0.3, 3, seed)
        ours, theirs = (each.generate(recipe).clip.samples for each in (captured, usual))
        assert np.array_equal(ours, theirs)
    assert Replayed.captured == 1 and not Replayed.copied_out


def test_what_does_not_fit_into_a_gpu_at_once_is_not_captured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    captured = on_gpu(plain())
    monkeypatch.setattr(decoding, "free_bytes", lambda device: 4 * 2 * 2048 * 2048)
    for _ in range(3):
        captured.generate(RECIPE)
    assert Replayed.captured == 0


def test_a_gpu_reads_prompts_in_steps_to_the_same_end() -> None:
    prompt: Any = load_model(PARITY)[0].prompt
    for text in ("kick", "a longer prompt of words"):
        exact, rounded = prompt.tokenize([text]), prompt.tokenize([text], 8)
        assert rounded[0].shape[1] == 8 or exact[0].shape[1] > 8
        assert (prompt(*rounded) - prompt(*exact)).abs().max() < 1e-5
    longest = prompt.tokenize(["kick " * 100], 7)[0]
    assert longest.shape[1] == prompt.most_tokens


def test_captured_steps_can_be_cancelled_before_them_and_say_when_they_are_done() -> None:
    captured = on_gpu(plain())
    seen: list[int] = []
    for _ in range(3):
        captured.generate(RECIPE, None, lambda step, steps: seen.append(step) is None)
    assert seen == [0, 1, 2, 3, 0, 3, 0, 3]
    with pytest.raises(GenerationCancelled):
        captured.generate(RECIPE, None, lambda step, steps: False)


def test_what_cannot_be_captured_is_done_all_the_same(log_watch: LogWatch) -> None:
    class Refuses(Replayed):
        def capture(self, work: Callable[[], Tensor], *, copy_out: bool) -> Tensor:
            raise RuntimeError("operation not permitted when stream is capturing")

    log_watch.expect("the steps run one by one", 1)
    cache = GraphCache(Refuses)
    for number in range(4):
        x = torch.full((2,), float(number))
        assert cache.replay("double", lambda x: x * 2, x) is None


def test_few_graphs_are_kept_and_another_kind_is_another_one() -> None:
    cache = GraphCache(Replayed)
    for again in (False, True):
        for kind in range(6):
            x = torch.ones(3)
            made = cache.replay(kind, partial(operator.mul, kind), x)
            assert made is None if not again else made is not None and torch.equal(made, x * kind)
    assert Replayed.captured == 6 and len(cache._captured) == 4


def test_tensors_are_found_in_values_and_replaced() -> None:
    value = Conditioning(torch.zeros(1), None, torch.ones(2))
    nested = (value, [torch.full((3,), 2.0)], "kept", 4)
    found = list_tensors(nested)
    assert [len(each) for each in found] == [1, 2, 3]
    moved = replace_tensors(nested, iter([each + 1 for each in found]))
    assert (
        torch.equal(moved[0].global_cond, torch.full((2,), 2.0))
        and moved[0].cross_attn_mask is None
    )
    assert torch.equal(moved[1][0], torch.full((3,), 3.0)) and moved[2:] == ("kept", 4)
