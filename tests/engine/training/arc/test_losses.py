"""Adversarial post-training: signs, pairs, prompts and who learns when."""

import math

import pytest
import torch
from torch import nn

from engine.models.conditioning import Conditioner, ConditionerConfig
from engine.models.discriminators import Discriminator
from engine.models.dit import DiffusionTransformer
from engine.models.dit_config import DiffusionTransformerConfig
from engine.training.arc import losses
from engine.training.arc import trainer as arc


def small_critic() -> Discriminator:
    config = DiffusionTransformerConfig(
        io_channels=4, embed_dim=64, depth=4, num_heads=2, cond_token_dim=16, global_cond_dim=16
    )
    conditioner = Conditioner(ConditionerConfig(width=16, layers=1, heads=2, ff_width=16), ("a",))
    return Discriminator(DiffusionTransformer(config), conditioner, 3)


def test_relativistic_losses_are_those_computed_by_hand() -> None:
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])
    by_hand = (math.log(1 + math.e) + math.log(1 + math.exp(-1))) / 2
    assert losses.relativistic_generator_loss(real, fake).item() == pytest.approx(by_hand)
    assert losses.relativistic_discriminator_loss(real, fake).item() == pytest.approx(by_hand)
    apart = torch.tensor([3.0])
    assert losses.relativistic_discriminator_loss(apart, -apart).item() == pytest.approx(
        math.log(1 + math.exp(-6))
    )
    assert losses.relativistic_generator_loss(apart, -apart).item() == pytest.approx(
        math.log(1 + math.exp(6))
    )


def test_contrastive_loss_falls_when_the_right_prompt_scores_higher() -> None:
    right, wrong = torch.tensor([1.0]), torch.tensor([-1.0])
    assert losses.contrastive_loss(right, wrong).item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert losses.contrastive_loss(right, wrong) < losses.contrastive_loss(wrong, right)


def test_least_squares_losses_pull_real_to_one_and_fake_to_zero() -> None:
    assert losses.least_squares_discriminator_loss(torch.ones(3), torch.zeros(3)).item() == 0
    assert losses.least_squares_generator_loss(torch.zeros(3)).item() == 1
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0])
    by_hand = (1 + 1) / 2 + (1 + 9) / 2
    assert losses.least_squares_discriminator_loss(real, fake).item() == by_hand
    assert losses.least_squares_generator_loss(fake).item() == (0 + 4) / 2


@pytest.mark.parametrize("count", [2, 3, 16])
def test_a_derangement_leaves_no_item_in_its_place(count: int) -> None:
    for seed in range(50):
        order = losses.derangement(count, torch.Generator().manual_seed(seed))
        assert sorted(order.tolist()) == list(range(count))
        assert not (order == torch.arange(count)).any()


def test_one_prompt_alone_cannot_be_permuted() -> None:
    with pytest.raises(ValueError, match="one item"):
        losses.derangement(1, torch.Generator())


def test_generator_times_are_uniform_in_log_signal_to_noise() -> None:
    times = losses.generator_times(20_000, torch.Generator().manual_seed(0))
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


def finite_slope(critic: Discriminator) -> float:
    """R1 by hand: the mean squared length of the scores' change along a random direction."""
    tokens = critic.conditioner.tokenizer(["a", "a"])
    conditioning = critic.conditioner(tokens, torch.tensor([1.0, 2.0]))
    x, times = torch.randn(2, 4, 16), torch.tensor([0.3, 0.9])
    aside = 0.05 * torch.randn(2, 4, 16)
    scores = [critic(y, times, conditioning) for y in (x, x + aside)]
    return losses.finite_difference_penalty(*scores).item()


def test_the_penalty_is_the_squared_change_summed_over_positions() -> None:
    score, moved = torch.zeros(2, 3), torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    assert losses.finite_difference_penalty(score, moved).item() == pytest.approx(7.0)
    torch.manual_seed(0)
    critic = small_critic()
    gentle = finite_slope(critic)
    last = critic.head.layers[-1]
    assert isinstance(last, nn.Conv1d)
    last.weight.data *= 10
    torch.manual_seed(0)
    small_critic()
    assert gentle > 0
    assert finite_slope(critic) > 20 * gentle


def test_diversity_is_the_share_of_the_real_spread() -> None:
    real = torch.randn(64, 4, 8, generator=torch.Generator().manual_seed(0))
    assert losses.diversity(real, real) == pytest.approx(1.0)
    assert losses.diversity(0.5 * real, real) == pytest.approx(0.5)
    assert losses.diversity(real[:1].expand_as(real), real) == 0
    # One sound, or the same one again, has no spread: that is no collapse.
    assert losses.diversity(real[:1], real[:1]) == 1
    assert losses.diversity(real[:2], real[:1].expand_as(real[:2])) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"discriminator": 0.01}, "discriminator has won"),
        ({"contrastive_accuracy": 0.4}, "does not tell prompts apart"),
        ({"diversity": 0.05}, "generated sounds have become alike"),
    ],
)
def test_a_collapse_is_said(values: dict[str, float], said: str) -> None:
    fine = {"discriminator": 0.6, "contrastive_accuracy": 0.9, "diversity": 0.8}
    assert arc.collapse_warnings(fine, 1000) == [] == arc.collapse_warnings({}, 1000)
    assert said in " ".join(arc.collapse_warnings(fine | values, 1000))


def test_a_new_discriminator_has_time_to_tell_prompts_apart() -> None:
    assert arc.collapse_warnings({"contrastive_accuracy": 0.49}, 20) == []
