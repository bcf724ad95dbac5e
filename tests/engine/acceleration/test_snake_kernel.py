"""The fused snake beside the exact one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.acceleration.snake_kernel import FusedSnake
from engine.models.oobleck import Snake

CHANNELS = 24


@pytest.fixture
def snake() -> Snake:
    torch.manual_seed(0)
    made = Snake(CHANNELS)
    with torch.no_grad():
        made.frequency.copy_(torch.logspace(-2, 1.5, CHANNELS)[:, None])
        made.scale.copy_(torch.rand(CHANNELS, 1) * 3)
    return made


def sound(frames: int = 700, batch: int = 1) -> Tensor:
    x = 4 * torch.randn(batch, CHANNELS, 1, frames)
    return x.contiguous(memory_format=torch.channels_last)


def exact(snake: Snake, x: Tensor) -> Tensor:
    wide, frequency, scale = x.double(), snake.frequency.double(), snake.scale.double()
    return wide + (wide * frequency[:, :, None]).sin().square() * scale[:, :, None]


@torch.inference_mode()
def test_a_fused_snake_is_exact_to_rounding(snake: Snake) -> None:
    fused = FusedSnake(snake)
    for frames, batch in ((1, 1), (7, 2), (700, 1), (5000, 3)):
        x = sound(frames, batch)
        before = x.clone()
        y = fused(x)
        # A float32 angle is off by half its last digit, and so is the sum.
        angle = (x * snake.frequency[:, :, None]).abs() * snake.scale[:, :, None]
        wanted = exact(snake, x)
        assert ((y - wanted).abs() < 2**-23 * (angle + wanted.abs() + 4)).all()
        assert y.dtype == torch.float32 and y.stride() == x.stride()
        assert torch.equal(x, before)
    small = sound() / 40
    assert (fused(small) - exact(snake, small)).abs().max() < 1e-6
    zeros = torch.zeros(1, CHANNELS, 1, 5)
    assert torch.equal(fused(zeros), zeros)


@torch.inference_mode()
def test_halves_are_worked_out_in_single_precision_and_rounded_once(snake: Snake) -> None:
    fused, x = FusedSnake(snake), sound().bfloat16()
    y = fused(x)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, fused(x.float()).bfloat16())


@torch.inference_mode()
def test_a_part_of_a_sound_need_not_lie_by_itself(snake: Snake) -> None:
    fused, x = FusedSnake(snake), sound(900, 2)
    assert torch.equal(fused(x[..., 100:800]), fused(x)[..., 100:800])
    assert torch.equal(fused(x.contiguous()), fused(x))


@torch.inference_mode()
def test_threads_change_nothing(snake: Snake, monkeypatch: pytest.MonkeyPatch) -> None:
    fused, x = FusedSnake(snake), sound(5001)
    one = fused(x)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(fused(x), one)


@torch.inference_mode()
def test_what_is_no_number_stays_none(snake: Snake) -> None:
    x = sound(3)
    x[0, 1, 0, 2] = torch.nan
    y = FusedSnake(snake)(x)
    assert y.isnan().sum() == 1 and y[0, 1, 0, 2].isnan()
