"""The codec's beginning as principal components, and its training against critics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.corpus.sources.rendered import Sound
from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.sound.spectral_features import TWO_WINDOWS, analyse
from engine.training.codec.autoencoder import CodecTrainer, Pair, begin_with_principal_components
from engine.training.pool import LengthBucket
from engine.training.settings import CodecRun, CriticsConfig, DatasetConfig, OptimizerConfig
from tests.fakes.engine.tiny_model import noise, sine

FRAMES = analyse(torch.cat([sine(220, 0.2), noise(0.2), sine(1000, 0.2)]))
SOUND = Sound("kick", "drum", "kick", 0.2, None, None, 0.5, 0.5, 0.5, 0.5)
SHELF = LengthBucket(FRAMES.numpy().astype(np.float16), [SOUND] * 3, 0.2)


@torch.no_grad()
def test_the_linear_code_alone_already_resembles_its_frames() -> None:
    torch.manual_seed(0)
    codec = SpectralCodec(SpectralCodecConfig(16, 16, 1, 1, 1, 3))
    flat = FRAMES.flatten(0, 1)
    begin_with_principal_components(codec, flat)
    mean, log_variance = codec.posterior(FRAMES)
    made = codec.frames_from_code(mean)
    assert (made - FRAMES).square().mean() < 0.2 * (flat - flat.mean(0)).square().mean()
    assert log_variance.mean().item() == pytest.approx(-4, abs=0.5)
    assert mean.flatten(0, 1).std(0).mean().item() == pytest.approx(1, abs=0.3)


@torch.no_grad()
def test_half_whitened_components_lose_less_to_noise_than_plain_ones() -> None:
    frames = analyse(torch.cat([sine(220, 0.2), noise(0.2), sine(1000, 0.2)]), TWO_WINDOWS)

    def loss_by_noise(variational: bool) -> float:
        torch.manual_seed(0)
        sizes = SpectralCodecConfig(16, 16, 1, 1, 1, 3, "two-windows", variational)
        codec = SpectralCodec(sizes)
        begin_with_principal_components(codec, frames.flatten(0, 1))
        code = codec.posterior(frames)[0]
        spread = code.flatten(0, 1).std(0)
        assert spread.square().mean().sqrt().item() == pytest.approx(1, abs=0.7) or variational
        noised = code + 0.3 * spread * torch.randn(code.shape)
        clean, made = codec.frames_from_code(code), codec.frames_from_code(noised)
        return (made - clean).square().mean().item()

    assert loss_by_noise(False) < 0.7 * loss_by_noise(True)


def training_with(weight: float, **changes: float) -> CodecTrainer:
    """A training of a tiny codec, the same each time."""
    torch.manual_seed(0)
    run = CodecRun(
        OptimizerConfig(10, 3, 3e-3, warmup=1),
        DatasetConfig(),
        SpectralCodecConfig(8, 16, 1, 1, 1, 3),
        critics=CriticsConfig(weight, width=4),
        **changes,  # type: ignore[arg-type]
    )
    codec = SpectralCodec(run.codec)
    begin_with_principal_components(codec, FRAMES.flatten(0, 1))
    return CodecTrainer(run, codec, [SHELF], None, "cpu")


def weights_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def test_without_a_weight_there_are_no_critics() -> None:
    training = training_with(0)
    assert training.critics is None
    assert "critics" not in training.state()
    assert not {"adversarial", "matching", "critic"} & training.step(0).latest.keys()


def test_each_side_of_a_step_changes_only_its_own_weights() -> None:
    training = training_with(1)
    assert training.critics is not None and training.critic_opt is not None
    codec, critics = weights_of(training.codec), weights_of(training.critics)
    pairs: list[Pair] = []
    parts = training.codec_parts(FRAMES, 0, [], pairs)
    training.optimizer.update_microbatches(parts, 1, 0)
    assert all(p.grad is None for p in training.critics.parameters())
    assert_all_equal(critics, weights_of(training.critics))
    changed = weights_of(training.codec)
    assert any(not torch.equal(changed[name], codec[name]) for name in codec)
    training.codec.zero_grad()
    training.critic_opt.update_microbatches(training.critic_parts(pairs, []), 1, 0)
    assert all(p.grad is None for p in training.codec.parameters())
    assert_all_equal(changed, weights_of(training.codec))
    judged = weights_of(training.critics)
    assert all(not torch.equal(judged[name], critics[name]) for name in critics)


def assert_all_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_critics_reach_the_decoder_and_what_feeds_it() -> None:
    training = training_with(1)
    terms = training.pleasing(FRAMES, training.codec.frames_from_code(torch.randn(3, 9, 8)))
    for term in terms.values():
        training.codec.zero_grad()
        term.backward(retain_graph=True)
        weight = training.codec.decoder_skip.weight.grad
        assert weight is not None and weight.abs().sum() > 0


def test_critics_learn_to_tell_decoded_frames_from_real_ones() -> None:
    training = training_with(1)
    losses = [training.step(step).latest["critic"] for step in range(10)]
    assert losses[-1] < losses[0] - 0.01
