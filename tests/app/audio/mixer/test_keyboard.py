from __future__ import annotations

import time

import numpy as np
import pytest

from app.audio.mixer.keyboard import Keyboard
from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PadParameters

RATE = 48_000


@pytest.fixture
def mixer() -> Mixer:
    mixer = Mixer(RATE)
    wave = 0.3 * np.sin(2 * np.pi * 480.0 * np.arange(4 * RATE) / RATE)
    for pad in range(2):
        mixer.load(pad, np.stack([wave, wave], axis=1).astype(np.float32))
        mixer.configure(pad, PadParameters("gate"))
    return mixer


def pitch(mixer: Mixer) -> float:
    mixer.render(4800)
    return float(np.abs(np.fft.rfft(mixer.render(RATE)[:, 0])).argmax())


def test_pads_play_themselves(mixer: Mixer) -> None:
    Keyboard(mixer).hit(1)
    assert pitch(mixer) == 480.0
    assert mixer.playing(1) is not None


def test_sixteen_pads_are_sixteen_notes_of_one(mixer: Mixer) -> None:
    keyboard = Keyboard(mixer)
    keyboard.pad = 1
    keyboard.hit(12)
    assert pitch(mixer) == 960.0
    assert mixer.playing(1) is not None and mixer.playing(12) is None


def test_full_level_makes_every_hit_as_loud_as_can_be_but_no_silent_one(mixer: Mixer) -> None:
    keyboard = Keyboard(mixer)
    keyboard.full_level = True
    keyboard.hit(0, 0.1)
    mixer.render(4800)
    assert np.abs(mixer.render(4800)).max() == pytest.approx(0.3, abs=0.01)
    mixer.stop_all()
    mixer.render(4800)
    keyboard.hit(0, 0.0)
    assert np.abs(mixer.render(4800)).max() < 1e-3


def test_one_pad_goes_across_the_keyboard(mixer: Mixer) -> None:
    keyboard = Keyboard(mixer)
    assert keyboard.keys == range(16)
    keyboard.pad = 1
    assert keyboard.keys == range(-48, 25)
    keyboard.hit(-12)
    assert pitch(mixer) == 240.0
    keyboard.release(-12)
    mixer.render(4800)
    assert np.abs(mixer.render(4800)).max() < 1e-3


def test_a_hit_plays_on_the_frame_of_its_moment(mixer: Mixer) -> None:
    mixer.render(1280, 128)
    moment_s, keyboard = time.perf_counter() + 0.005, Keyboard(mixer)
    keyboard.hit(0, 1.0, moment_s)
    expected = mixer.frame_at(moment_s)
    assert expected is not None and expected > mixer.frame
    mixer.render(expected - mixer.frame)
    assert mixer.playing(0) is None
    mixer.render(1)
    assert mixer.playing(0) is not None


def test_a_key_that_comes_up_after_silence_is_nobodys(mixer: Mixer) -> None:
    keyboard = Keyboard(mixer)
    keyboard.pad = 1
    for key in (-12, 20):
        keyboard.hit(key)
        keyboard.stop_all()
        keyboard.release(key)
    keyboard.pad = None
    keyboard.release(20)


def test_what_was_hit_is_let_go_whatever_the_pads_play_now(mixer: Mixer) -> None:
    keyboard = Keyboard(mixer)
    keyboard.pad = 0
    keyboard.hit(7)
    mixer.render(4800)
    keyboard.pad = None
    keyboard.release(7)
    mixer.render(4800)
    assert np.abs(mixer.render(4800)).max() < 1e-3
