"""Adversarial post-training: signs, pairs, prompts and who learns when."""

import math

import pytest
import torch

from engine.models.conditioning import Conditioner, ConditionerConfig
from engine.models.discriminators import Discriminator
from engine.models.dit import DiffusionTransformer, DiffusionTransformerConfig
from engine.training import arc


def small_critic() -> Discriminator:
    config = DiffusionTransformerConfig(
        io_channels=4, embed_dim=64, depth=4, num_heads=2, cond_token_dim=16, global_cond_dim=16
    )
    conditioner = Conditioner(ConditionerConfig(width=16, layers=1, heads=2, ff_width=16), ("a",))
    return Discriminator(DiffusionTransformer(config), conditioner, 3)


def test_relativistic_losses_are_those_computed_by_hand() -> None:
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])
    by_hand = (math.log(1 + math.e) + math.log(1 + math.exp(-1))) / 2
    assert arc.relativistic_generator_loss(real, fake).item() == pytest.approx(by_hand)
    assert arc.relativistic_discriminator_loss(real, fake).item() == pytest.approx(by_hand)
    apart = torch.tensor([3.0])
    assert arc.relativistic_discriminator_loss(apart, -apart).item() == pytest.approx(
        math.log(1 + math.exp(-6))
    )
    assert arc.relativistic_generator_loss(apart, -apart).item() == pytest.approx(
        math.log(1 + math.exp(6))
    )


def test_contrastive_loss_falls_when_the_right_prompt_scores_higher() -> None:
    right, wrong = torch.tensor([1.0]), torch.tensor([-1.0])
    assert arc.contrastive_loss(right, wrong).item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert arc.contrastive_loss(right, wrong) < arc.contrastive_loss(wrong, right)


def test_least_squares_losses_pull_real_to_one_and_fake_to_zero() -> None:
    assert arc.least_squares_discriminator_loss(torch.ones(3), torch.zeros(3)).item() == 0
    assert arc.least_squares_generator_loss(torch.zeros(3)).item() == 1


@pytest.mark.parametrize("count", [2, 3, 16])
def test_a_derangement_leaves_no_item_in_its_place(count: int) -> None:
    for seed in range(50):
        order = arc.derangement(count, torch.Generator().manual_seed(seed))
        assert sorted(order.tolist()) == list(range(count))
        assert not (order == torch.arange(count)).any()


def test_one_prompt_alone_cannot_be_permuted() -> None:
    with pytest.raises(ValueError, match="one item"):
        arc.derangement(1, torch.Generator())


def test_generator_times_are_uniform_in_log_signal_to_noise() -> None:
    times = arc.generator_times(20_000, torch.Generator().manual_seed(0))
    ratio = torch.log((1 - times) / times)
    assert ratio.min() >= -6.01
    assert ratio.max() <= 2.01
    assert ratio.mean().item() == pytest.approx(-2, abs=0.05)
    assert ratio.var().item() == pytest.approx(64 / 12, rel=0.03)


def test_the_critic_scores_short_and_long_sounds_at_every_used_block() -> None:
    critic = small_critic()
    assert len(critic.transformer.transformer.layers) == 3
    tokens = critic.conditioner.tokenizer(["a", "a"])
    conditioning = critic.conditioner(tokens, torch.tensor([1.0, 2.0]))
    for length in (1, 7, 64):
        scores = critic(torch.randn(2, 4, length), torch.tensor([0.3, 0.9]), conditioning)
        assert scores.shape[0] == 2
        assert scores.shape[1] >= 1


def test_all_trained_weights_of_the_critic_get_a_gradient() -> None:
    critic = small_critic()
    tokens = critic.conditioner.tokenizer(["a b 3 c4", "a"])
    keep = torch.tensor([True, False])
    conditioning = critic.conditioner(tokens, torch.tensor([1.0, 2.0]), keep)
    critic(torch.randn(2, 4, 16), torch.tensor([0.3, 0.9]), conditioning).sum().backward()
    idle = [n for n, p in critic.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
