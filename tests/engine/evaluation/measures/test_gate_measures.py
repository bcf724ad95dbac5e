"""What the gates measure, by sounds whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.evaluation.measures.gate_measures import (
    is_whole,
    rise_ms,
    shiver_db,
    start_ms,
    tones_db,
)

RATE_HZ = 44_100
TIME = torch.arange(RATE_HZ) / RATE_HZ


def note(pitch: float) -> Tensor:
    wave = 0.2 * torch.sin(2 * math.pi * 440 * 2 ** ((pitch - 69) / 12) * TIME)
    return wave.expand(2, -1)


def test_a_chord_is_whole_when_all_its_notes_are_there() -> None:
    minor = (45.0, 48.0, 52.0)
    chord = sum((note(pitch) for pitch in minor), torch.zeros(2, RATE_HZ))
    assert is_whole(chord, minor)
    assert not is_whole(note(45.0) + note(52.0), minor)
    root, third, fifth = tones_db(note(45.0) + note(52.0), minor)
    assert root > 20 and fifth > 20 and third < 6


@pytest.mark.parametrize(("hertz", "heard"), [(20.0, True), (3.0, False), (60.0, False)])
def test_shiver_is_what_moves_the_level_8_to_40_times_a_second(hertz: float, heard: bool) -> None:
    gain = 10 ** (1.0 * torch.sin(2 * math.pi * hertz * TIME) / 20)
    noise = torch.sin(2 * math.pi * 3_000 * TIME).expand(2, -1)
    found = shiver_db(noise * gain, 1.0)
    assert (found == pytest.approx(1 / 2**0.5, abs=0.1)) is heard
    assert shiver_db(noise, 1.0) < 0.05


def test_a_steady_decay_is_no_shiver_and_a_blip_is_too_short_to_shiver() -> None:
    tone = torch.sin(2 * math.pi * 3_000 * TIME).expand(2, -1)
    assert shiver_db(tone * torch.exp(-6 * TIME), 1.0) < 0.05
    assert shiver_db(tone, 0.1) == 0


def test_start_and_rise_are_those_of_the_sound() -> None:
    ramp = torch.cat([torch.zeros(441), torch.linspace(0, 1, 441), torch.ones(1_000)]).expand(2, -1)
    assert start_ms(ramp) == pytest.approx(11, abs=0.1)
    assert rise_ms(ramp) == pytest.approx(19.5, abs=0.1)
