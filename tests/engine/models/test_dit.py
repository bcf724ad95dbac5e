"""The transformer: patches, positions, masks, precision and refused sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.models.dit import Conditioning, DiffusionTransformer
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.layers import RotaryEmbedding, attend, rotate


def transformer(patch_size: int = 2) -> DiffusionTransformer:
    torch.manual_seed(0)
    return DiffusionTransformer(
        DiffusionTransformerConfig(
            io_channels=6,
            patch_size=patch_size,
            embed_dim=64,
            depth=2,
            num_heads=2,
            cond_token_dim=16,
            global_cond_dim=16,
            ff_multiple=2,
        )
    ).eval()


def conditioning(batch: int = 1, words: int = 3) -> Conditioning:
    random = torch.Generator().manual_seed(1)
    return Conditioning(
        torch.randn(batch, words, 16, generator=random),
        torch.ones(batch, words, dtype=torch.bool),
        torch.randn(batch, 16, generator=random),
    )


def sample(batch: int = 1, length: int = 12) -> Tensor:
    return torch.randn(batch, 6, length, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_patching_is_undone_exactly(size: int) -> None:
    network, x = transformer(size), sample(2)
    patched = network._patch(x)
    assert patched.shape == (2, 6 * size, 12 // size)
    assert torch.equal(network._unpatch(patched), x)


def test_a_patch_holds_neighbouring_latents() -> None:
    x = torch.arange(12.0).expand(1, 6, 12)
    first = transformer(3)._patch(x)[0, :, 0]
    assert sorted(set(first.tolist())) == [0, 1, 2]


def test_a_length_that_does_not_split_is_refused() -> None:
    with pytest.raises(ValueError, match="13 latents do not split into patches of 2"):
        transformer()(sample(length=13), torch.ones(1), conditioning())


@torch.inference_mode()
def test_the_velocity_has_the_shape_of_the_sample_at_any_length() -> None:
    network = transformer()
    for length in (2, 4, 34, 518):
        made = network(sample(length=length), torch.ones(1), conditioning())
        assert made.shape == (1, 6, length)
        assert torch.isfinite(made).all()


@torch.inference_mode()
def test_time_prompt_and_length_each_matter() -> None:
    network, x, said = transformer(), sample(), conditioning()
    plain = network(x, torch.tensor([0.5]), said)
    assert not torch.allclose(plain, network(x, torch.tensor([0.6]), said), atol=1e-4)
    other = Conditioning(said.cross_attn_cond + 1, said.cross_attn_mask, said.global_cond)
    assert not torch.allclose(plain, network(x, torch.tensor([0.5]), other), atol=1e-4)
    other = Conditioning(said.cross_attn_cond, said.cross_attn_mask, said.global_cond + 1)
    assert not torch.allclose(plain, network(x, torch.tensor([0.5]), other), atol=1e-4)


@torch.inference_mode()
def test_masked_tokens_do_not_matter() -> None:
    network, x, said = transformer(), sample(), conditioning(words=5)
    assert said.cross_attn_mask is not None
    mask = said.cross_attn_mask.clone()
    mask[:, 3:] = False
    short = Conditioning(said.cross_attn_cond[:, :3], mask[:, :3], said.global_cond)
    padded = Conditioning(said.cross_attn_cond.clone(), mask, said.global_cond)
    padded.cross_attn_cond[:, 3:] = 1e3
    time = torch.tensor([0.5])
    assert torch.allclose(network(x, time, short), network(x, time, padded), atol=1e-5)


@torch.inference_mode()
def test_items_of_a_batch_do_not_mix() -> None:
    network, x, said = transformer(), sample(2), conditioning(2)
    time = torch.tensor([0.2, 0.9])
    together = network(x, time, said)
    for i in range(2):
        one = Conditioning(said.cross_attn_cond[i : i + 1], None, said.global_cond[i : i + 1])
        alone = network(x[i : i + 1], time[i : i + 1], one)
        assert torch.allclose(together[i], alone[0], atol=1e-5)


def test_training_and_playing_attend_alike() -> None:
    q, k, v = (torch.randn(2, 2, 5, 32) for _ in range(3))
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])[:, None, None]
    for chosen in (None, mask):
        played = attend(q, k, v, chosen)
        trained = attend(q.clone().requires_grad_(), k, v, chosen)
        assert torch.allclose(played, trained.detach(), atol=1e-5)


def test_positions_turn_queries_by_their_distance_only() -> None:
    table = RotaryEmbedding(32).table(40)
    q, k = torch.randn(1, 1, 1, 64), torch.randn(1, 1, 1, 64)
    turned_q, turned_k = (rotate(x.expand(1, 1, 40, 64), table) for x in (q, k))
    scores = (turned_q @ turned_k.transpose(-1, -2))[0, 0]
    for distance in (0, 3, 20):
        along = scores.diagonal(distance)
        assert torch.allclose(along, along[:1].expand_as(along), atol=1e-3)
    assert torch.equal(turned_q[..., 32:], q.expand(1, 1, 40, 64)[..., 32:])


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"num_heads": 0}, "num_heads must be at least 1, got 0"),
        ({"num_heads": -2}, "num_heads must be at least 1, got -2"),
        ({"patch_size": 0}, "patch_size must be at least 1, got 0"),
        ({"cond_token_dim": 0}, "cond_token_dim must be at least 1, got 0"),
        ({"embed_dim": 100, "num_heads": 3}, "100 must be a multiple of num_heads 3"),
        ({"embed_dim": 64, "num_heads": 4}, "at least 32 dims, got 64 / 4"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiffusionTransformerConfig(**sizes)


def test_timing_begins_as_if_it_were_not_there_and_then_tells_the_tempo() -> None:
    plain = transformer()
    torch.manual_seed(0)
    timed = DiffusionTransformer(replace(plain.config, latents_per_second=16.0)).eval()
    timed.load_state_dict(timed.state_dict() | plain.state_dict())
    said = replace(conditioning(), seconds=torch.tensor([0.5]), bpm=torch.tensor([120.0]))
    x, time = sample(), torch.full((1,), 0.5)
    assert torch.equal(timed(x, time, said), plain(x, time, said))
    torch.nn.init.normal_(timed.transformer.to_timing_embed.weight)
    slower = replace(said, bpm=torch.tensor([90.0]))
    assert not torch.allclose(timed(x, time, said), timed(x, time, slower), atol=1e-3)


def test_a_network_with_timing_must_be_told_seconds_and_tempo() -> None:
    timed = DiffusionTransformer(replace(transformer().config, latents_per_second=16.0))
    with pytest.raises(ValueError, match="needs seconds and bpm"):
        timed(sample(), torch.ones(1), conditioning())


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_an_impossible_rate_of_latents_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="latents_per_second must be at least 0"):
        DiffusionTransformerConfig(latents_per_second=rate)


@torch.inference_mode()
def test_a_preconditioned_network_that_knows_nothing_guesses_as_well_as_a_line_can() -> None:
    plain = transformer()
    network = DiffusionTransformer(replace(plain.config, preconditioned=True)).eval()
    network.load_state_dict(plain.state_dict())
    torch.nn.init.zeros_(network.transformer.project_out.weight)
    random = torch.Generator().manual_seed(0)
    data, noise = (torch.randn((64, 6, 40), generator=random) for _ in range(2))
    for time in (0.05, 0.3, 0.5, 0.8, 0.99):
        times = torch.full((64,), time)
        x = (1 - time) * data + time * noise
        made = network(x, times, conditioning(64))
        slope = float(((noise - data) * x).mean() / x.square().mean())
        torch.testing.assert_close(made, (made / x).median() * x, atol=1e-4, rtol=1e-3)
        assert (made / x).median().item() == pytest.approx(slope, abs=0.03)
        left = (noise - data - made).square().mean() * (time**2 + (1 - time) ** 2)
        assert left.item() == pytest.approx(1, abs=0.03)


@torch.inference_mode()
def test_preconditioning_gives_the_network_inputs_and_leaves_it_outputs_of_one_size() -> None:
    plain = transformer()
    network = DiffusionTransformer(replace(plain.config, preconditioned=True)).eval()
    network.load_state_dict(plain.state_dict())
    x, times = torch.randn(2, 6, 40), torch.tensor([0.2, 0.9])
    size = (times.square() + (1 - times).square()).sqrt()[:, None, None]
    inner = plain(x / size, times, conditioning(2))
    wanted = (2 * times - 1)[:, None, None] / size.square() * x + inner / size
    torch.testing.assert_close(network(x, times, conditioning(2)), wanted)


@torch.inference_mode()
@pytest.mark.parametrize("preconditioned", [False, True])
def test_a_network_in_half_precision_stays_in_it(preconditioned: bool) -> None:
    sizes = replace(transformer().config, preconditioned=preconditioned)
    network, given = DiffusionTransformer(sizes).bfloat16(), conditioning()
    halved = replace(
        given,
        cross_attn_cond=given.cross_attn_cond.bfloat16(),
        global_cond=given.global_cond.bfloat16(),
    )
    velocity = network(sample().bfloat16(), torch.tensor([0.5]), halved)
    assert velocity.dtype == torch.bfloat16
