"""The codec's losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from engine.models.spectral_critics import Judgement
from engine.sound.spectral_features import LAYOUT, ONE_WINDOW, TWO_WINDOWS, analyse
from engine.training.codec.losses import (
    adversarial_loss,
    audible_in_frame,
    audible_nearby,
    critic_loss,
    frequency_weights,
    kl_divergence,
    matching_loss,
    pitch_loss,
    reconstruction_losses,
    resolution_loss,
    third_octaves,
)
from tests.fakes.engine.tiny_model import noise, sine

FRAMES = analyse(torch.cat([sine(220, 0.2), noise(0.2), sine(1000, 0.2)]))


def test_a_perfect_reconstruction_costs_nothing() -> None:
    losses = reconstruction_losses(FRAMES, FRAMES)
    assert {name: loss.item() for name, loss in losses.items()} == dict.fromkeys(losses, 0.0)
    assert pitch_loss(FRAMES, FRAMES).item() == 0


@pytest.mark.parametrize("part", ["magnitude", "deviation", "noise", "envelope"])
def test_each_part_of_a_frame_has_its_own_loss(part: str) -> None:
    made = FRAMES.clone()
    made[..., getattr(LAYOUT, part)] += 0.5
    costly = {name for name, loss in reconstruction_losses(made, FRAMES).items() if loss > 0}
    assert costly == {part}


def test_low_frequencies_weigh_more_and_the_mean_weight_is_one() -> None:
    weights = frequency_weights(ONE_WINDOW)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights[1:] < weights[:-1]).all()


def test_a_unit_normal_has_no_divergence() -> None:
    assert kl_divergence(torch.zeros(2, 3, 8), torch.zeros(2, 3, 8)).item() == 0
    assert kl_divergence(torch.ones(2, 3, 8), torch.zeros(2, 3, 8)).item() == pytest.approx(4)


def judged(*scores: float, saw: float = 1.0) -> list[Judgement]:
    """One critic's judgement of as many places, and what it saw on its only layer."""
    return [Judgement(torch.tensor(scores), (torch.full((2,), saw),))]


def test_the_hinge_of_critics_is_as_worked_out_by_hand() -> None:
    # relu(1 - 3) and relu(1 - 0.5) in the mean, plus relu(1 - 2) and relu(1 + 0.5) in the mean.
    real, made = judged(3.0, 0.5), judged(-2.0, 0.5)
    assert critic_loss(real, made).item() == pytest.approx((0 + 0.5) / 2 + (0 + 1.5) / 2)
    assert adversarial_loss(made).item() == pytest.approx((3.0 + 0.5) / 2)
    both = critic_loss(real + judged(1.0), made + judged(-1.0))
    assert both.item() == pytest.approx((1.0 + 0.0) / 2)


def test_critics_and_decoder_pull_scores_apart() -> None:
    real, made = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    critic_loss([Judgement(real, ())], [Judgement(made, ())]).backward()
    assert real.grad is not None and made.grad is not None
    assert (real.grad < 0).all() and (made.grad > 0).all()
    made.grad = None
    adversarial_loss([Judgement(made, ())]).backward()
    assert made.grad is not None
    assert (made.grad < 0).all()


def test_matching_is_relative_to_what_critics_saw_of_the_real() -> None:
    assert matching_loss(judged(0.0, saw=4.0), judged(0.0, saw=3.0)).item() == pytest.approx(1 / 4)
    assert matching_loss(judged(0.0, saw=2.0), judged(0.0, saw=3.0)).item() == pytest.approx(1 / 2)


def test_louder_frames_cost_as_much_as_they_are_louder_at_every_resolution() -> None:
    assert resolution_loss(FRAMES, FRAMES).item() == 0
    # Wide and steady, so that nothing of it lies 50 dB below its loudest.
    frames = FRAMES[1:2].clone()
    frames[..., LAYOUT.coherence] = 1.5
    louder = frames.clone()
    louder[..., LAYOUT.magnitude] += math.log(2) / 3
    assert resolution_loss(louder, frames).item() == pytest.approx(math.log(2) / 3, rel=0.05)


def test_what_lies_far_below_a_sound_costs_nothing() -> None:
    hum = FRAMES[:1]
    hidden = hum.clone()
    quiet = hum[..., LAYOUT.magnitude] < hum[..., LAYOUT.magnitude].amax() - 2.3
    hidden[..., LAYOUT.magnitude][quiet] -= 0.2
    assert quiet.float().mean() > 0.5
    assert resolution_loss(hidden, hum).item() < 1e-3


def test_a_noise_right_on_average_costs_little_and_its_median_costs_more() -> None:
    hiss = FRAMES[1:2]
    other = analyse(noise(0.2, seed=9))
    flat = hiss.clone()
    flat[..., LAYOUT.magnitude] = hiss[..., LAYOUT.magnitude].median()
    fair = flat.clone()
    fair[..., LAYOUT.magnitude] += 1.6 / 20 * math.log(10) / 3
    assert resolution_loss(fair, hiss) < resolution_loss(flat, hiss)
    assert resolution_loss(other, hiss) < 0.5


def test_side_and_mid_are_told_apart() -> None:
    wide = FRAMES.clone()
    wide[..., LAYOUT.coherence] += 1.0
    assert resolution_loss(wide, FRAMES) > 0.05


def test_a_high_partial_counts_beside_its_neighbours_not_beside_the_loudest_of_all() -> None:
    frames = analyse(sine(200, 0.3) + 0.003 * sine(5_000, 0.3), TWO_WINDOWS)[:, 4:-4]
    loudness = frames[..., TWO_WINDOWS.layout.magnitude].unflatten(-1, (2, TWO_WINDOWS.bins))
    partial = TWO_WINDOWS.low_bins - TWO_WINDOWS.first_bin + round(5_000 * 2048 / 44_100)
    silent = partial + 40
    nearby, in_frame = audible_nearby(loudness, TWO_WINDOWS), audible_in_frame(loudness)
    assert nearby[..., partial].min() > 0.9
    assert in_frame[..., partial].max() < 0.2
    assert nearby[..., silent].max() < 0.1


def test_bands_are_no_wider_than_a_sixth_of_an_octave_and_none_is_empty() -> None:
    for form in (ONE_WINDOW, TWO_WINDOWS):
        bands = third_octaves(form)
        assert len(bands) == form.bins
        assert torch.equal(bands.unique(), torch.arange(int(bands.max()) + 1))


def test_a_pitch_error_weighs_the_same_in_both_windows() -> None:
    frames = analyse(sine(220, 0.3), TWO_WINDOWS)
    off = frames.clone()
    deviation = off[..., TWO_WINDOWS.layout.deviation].unflatten(-1, (2, TWO_WINDOWS.tonal_bins))
    deviation[..., : TWO_WINDOWS.low_bins] += 0.2
    found = frames.clone()
    found[..., TWO_WINDOWS.layout.deviation] = deviation.flatten(-2)
    other = frames.clone()
    deviation = other[..., TWO_WINDOWS.layout.deviation].unflatten(-1, (2, TWO_WINDOWS.tonal_bins))
    deviation[..., TWO_WINDOWS.low_bins :] += 0.1
    other[..., TWO_WINDOWS.layout.deviation] = deviation.flatten(-2)
    low, high = (pitch_loss(made, frames, TWO_WINDOWS).item() for made in (found, other))
    # 0.2 bins of the long window are 0.1 of the short one; it has twice as many bins at a tone.
    assert low == pytest.approx(2 * high, rel=0.4)
