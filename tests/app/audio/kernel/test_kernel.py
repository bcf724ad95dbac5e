"""The compiled kernel against a plain model, and against what a musician hears."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.kernel.layout import COMMANDS
from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PAD_MODES, PadMode, PadParameters
from tests.fakes.app.mixer_model import CEILING, MixerModel, ModelEvent, block_dc, limit

RATE = 48_000
DELAY = 78


def tone(hertz: float, frames: int, level: float = 0.5) -> NDArray[np.float32]:
    """A sine in both channels, the right one half as loud."""
    wave = level * np.sin(2 * np.pi * hertz * np.arange(frames) / RATE)
    return np.stack([wave, wave / 2], axis=1).astype(np.float32)


def noise(frames: int, seed: int = 0, level: float = 0.2) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).uniform(-level, level, (frames, 2))
    return values.astype(np.float32)


def mixer_with(sound: NDArray[np.float32], mode: PadMode = "one_shot", **settings: int) -> Mixer:
    mixer = Mixer(RATE, **settings)
    mixer.load(0, sound)
    mixer.configure(0, PadParameters(mode))
    return mixer


def heard(mixer: Mixer, frames: int, block: int = 128) -> NDArray[np.float32]:
    """What the voices sum to, with the limiter's delay taken away."""
    return mixer.render(frames + DELAY, block)[DELAY:]


def expected(samples: NDArray[np.float64]) -> NDArray[np.float32]:
    """Samples below the ceiling as they come out of the end of the chain."""
    return block_dc(samples.astype(np.float64), RATE)


def padded(sound: NDArray[np.float32], before: int, frames: int) -> NDArray[np.float64]:
    """The sound at its place, and behind it what its last frame leaves: its end is no step."""
    out = np.zeros((frames, 2))
    count = min(len(sound), frames - before)
    out[before : before + count] = sound[:count]
    after = np.arange(1, frames - before - count + 1)[:, None]
    out[before + count :] = sound[count - 1] * np.exp(-after / (0.0015 * RATE))
    return out


def assert_plays(out: NDArray[np.float32], sound: NDArray[np.float32], before: int) -> None:
    """The sound is bit for bit what it was; behind it rounding differs."""
    wanted = expected(padded(sound, before, len(out)))
    end = before + len(sound)
    assert np.array_equal(out[:end], wanted[:end])
    assert np.allclose(out, wanted, atol=1e-7)


def largest_step(samples: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(samples, axis=0)).max())


# --- hits ---


@pytest.mark.parametrize("frame", [0, 1, 63, 127, 128, 129, 1000])
def test_hit_starts_on_its_own_frame(frame: int) -> None:
    mixer = mixer_with(noise(400))
    mixer.hit(0, at_frame=frame)
    out = heard(mixer, 2000)
    assert_plays(out, noise(400), frame)


def test_quiet_sound_passes_the_limiter_bit_unchanged() -> None:
    sound = noise(4000, level=0.5)
    mixer = mixer_with(sound)
    mixer.hit(0, at_frame=0)
    assert_plays(heard(mixer, 5000), sound, 0)
    assert not mixer.meter().limiting


@pytest.mark.parametrize("block", [1, 17, 64, 500, 4096])
def test_output_does_not_depend_on_the_block_size(block: int) -> None:
    def song(block: int) -> NDArray[np.float32]:
        mixer = Mixer(RATE)
        for pad in range(4):
            mixer.load(pad, noise(900 + 100 * pad, pad, level=0.6))
            mixer.configure(pad, PadParameters(PAD_MODES[pad], 2.0, pad // 2, tune=float(pad // 2)))
        for number in range(40):
            mixer.hit(number % 4, 0.5 + number / 80, at_frame=150 * number + 7)
            mixer.release(number % 4, at_frame=150 * number + 90)
        return mixer.render(8000, block)

    assert np.array_equal(song(block), song(128))


def test_velocity_is_squared_and_zero_is_silence() -> None:
    levels = []
    for velocity in (0.0, 0.25, 0.5, 1.0):
        mixer = mixer_with(tone(1000, 4800))
        mixer.hit(0, velocity, at_frame=0)
        levels.append(float(np.abs(heard(mixer, 4800)).max()))
    assert levels[0] == 0.0
    assert np.allclose(np.array(levels[1:]) / levels[3], [0.0625, 0.25, 1.0], rtol=1e-3)


def test_a_late_hit_plays_at_once() -> None:
    mixer = mixer_with(noise(100))
    mixer.render(1280)
    mixer.hit(0, at_frame=5)
    assert np.abs(heard(mixer, 128)[:100]).max() > 0.05


def test_hits_for_later_do_not_hold_back_a_hit_for_now() -> None:
    mixer = mixer_with(noise(50))
    mixer.load(1, noise(50, seed=1))
    mixer.hit(0, at_frame=600)
    mixer.hit(1)
    out = heard(mixer, 800)
    assert np.abs(out[:50]).max() > 0.05
    assert np.abs(out[600:650]).max() > 0.05


def test_an_empty_pad_is_silent() -> None:
    mixer = Mixer(RATE)
    mixer.hit(3)
    assert not mixer.render(1000).any()


# --- modes ---


def test_one_shot_ignores_letting_go() -> None:
    mixer = mixer_with(noise(2000))
    mixer.hit(0, at_frame=0)
    mixer.release(0, at_frame=100)
    assert_plays(heard(mixer, 2500), noise(2000), 0)


def test_gate_ends_within_5_ms_of_letting_go_without_a_step() -> None:
    mixer = mixer_with(tone(200, RATE), "gate")
    mixer.hit(0, at_frame=0)
    mixer.release(0, at_frame=4860)
    out = heard(mixer, 8000)
    assert np.abs(out[4000:4860]).max() > 0.4
    assert np.abs(out[4860 + 240 :]).max() < 0.01
    assert largest_step(out) < 1.2 * largest_step(tone(200, RATE))


def test_loop_is_seamless_and_exactly_as_long_as_its_sound() -> None:
    sound = noise(1000)
    mixer = mixer_with(sound, "loop")
    mixer.hit(0, at_frame=10)
    mixer.release(0, at_frame=500)
    wanted = np.zeros((7500, 2))
    wanted[10:] = np.tile(sound, (8, 1))[:7490]
    assert np.array_equal(heard(mixer, 7500), expected(wanted))


def test_loop_shorter_than_a_block_goes_round_within_it() -> None:
    sound = noise(30)
    mixer = mixer_with(sound, "loop")
    mixer.hit(0, at_frame=0)
    wanted = np.tile(sound, (40, 1))[:1000]
    assert np.array_equal(heard(mixer, 1000, block=512), expected(wanted.astype(np.float64)))


def test_hit_of_a_running_loop_starts_it_again_on_that_frame() -> None:
    mixer = mixer_with(noise(5000), "loop")
    mixer.hit(0, at_frame=0)
    mixer.hit(0, at_frame=2000)
    out = heard(mixer, 6000)
    alone = mixer_with(noise(5000), "loop")
    alone.hit(0, at_frame=2000)
    # 3 ms after the second hit nothing of the first is left but what the 5 Hz filter remembers.
    assert np.allclose(out[2144:], heard(alone, 6000)[2144:], atol=0.01)


def test_stop_ends_a_loop() -> None:
    mixer = mixer_with(tone(300, 1600), "loop")
    mixer.hit(0, at_frame=0)
    mixer.stop(0, at_frame=3000)
    out = heard(mixer, 6000)
    assert np.abs(out[2500:3000]).max() > 0.4
    assert np.abs(out[3240:]).max() < 0.01


# --- cutting voices without a click ---


def test_choke_ends_the_other_pad_of_the_group_within_3_ms() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, tone(400, RATE))
    mixer.load(1, tone(400, 1, level=0.0))
    mixer.load(2, tone(500, RATE, level=0.1))
    for pad, group in ((0, 1), (1, 1), (2, 2)):
        mixer.configure(pad, PadParameters(choke_group=group))
    mixer.hit(0, at_frame=0)
    mixer.hit(2, at_frame=0)
    mixer.hit(1, at_frame=4000)
    out = heard(mixer, 8000)
    assert np.abs(out[3800:4000]).max() > 0.4
    assert 0.09 < np.abs(out[4144:]).max() < 0.11


def test_retrigger_has_no_step() -> None:
    sound = tone(100, RATE)
    mixer = mixer_with(sound)
    mixer.hit(0, at_frame=0)
    for number in range(1, 6):
        # Each second hit cuts the sine at its loudest: without a fade this is a step of 0.5.
        mixer.hit(0, at_frame=480 * number * 2 + 120)
    out = heard(mixer, 12_000)
    assert largest_step(out) < 3 * largest_step(sound)


def test_stolen_voice_fades_over_10_ms_and_the_new_one_sounds() -> None:
    mixer = Mixer(RATE, voices=2)
    for pad in range(3):
        mixer.load(pad, tone(100 + 10 * pad, RATE, level=0.2))
        mixer.hit(pad, at_frame=1000 * pad)
    out = heard(mixer, 6000)
    model = MixerModel(voices=2)
    for pad in range(3):
        model.pads[pad].sounds = (tone(100 + 10 * pad, RATE, level=0.2),)
    wanted = expected(model.play([ModelEvent(1000 * pad, "hit", pad) for pad in range(3)], 6000))
    assert np.allclose(out, wanted, atol=1e-5)
    assert largest_step(out) < 3 * largest_step(tone(120, RATE, level=0.2))


def test_a_loop_is_stolen_last() -> None:
    mixer = Mixer(RATE, voices=2)
    for pad in range(3):
        mixer.load(pad, noise(RATE, pad))
    mixer.configure(0, PadParameters("loop"))
    for pad in range(3):
        mixer.hit(pad)
        mixer.render(128)
    assert mixer.playing(0) is not None
    assert mixer.playing(1) is None
    assert mixer.playing(2) is not None


def test_more_hits_than_slots_neither_crash_nor_lose_the_last() -> None:
    mixer = Mixer(RATE, voices=1)
    for pad in range(16):
        mixer.load(pad, noise(RATE, pad, level=0.05))
        mixer.hit(pad, at_frame=pad)
    mixer.render(1000)
    assert mixer.playing(15) is not None
    assert [mixer.playing(pad) for pad in range(15)] == [None] * 15


def test_stop_all_fades_everything_and_forgets_what_was_to_come() -> None:
    mixer = mixer_with(tone(200, RATE), "loop")
    mixer.hit(0, at_frame=0)
    mixer.hit(0, at_frame=4000)
    mixer.render(1000)
    mixer.stop_all()
    out = heard(mixer, 8000)
    assert np.abs(out[240:]).max() < 0.02
    assert mixer.playing(0) is None


def test_hit_after_stop_all_in_the_same_block_plays() -> None:
    mixer = mixer_with(noise(RATE))
    mixer.stop_all()
    mixer.hit(0)
    mixer.render(128)
    assert mixer.playing(0) is not None


# --- the end of the chain ---


@pytest.mark.parametrize("level", [1.0, 1.5, 8.0, 1000.0])
def test_overs_never_pass_the_ceiling(level: float) -> None:
    sound = noise(RATE, level=level)
    sound[: RATE // 2] *= 0.1
    mixer = mixer_with(sound)
    mixer.hit(0)
    out = mixer.render(RATE + 500)
    assert 0.5 < np.abs(out).max() <= CEILING
    assert mixer.meter().limiting


def true_peak(wave: NDArray[np.float32]) -> float:
    """The highest of the sound itself, by sixteen points a frame."""
    spectrum = np.fft.rfft(wave.astype(np.float64))
    return float(np.abs(np.fft.irfft(spectrum, 16 * len(wave)) * 16).max())


def band_limited(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without what is above 20 kHz: no recording and no converter has it."""
    spectrum = np.fft.rfft(wave)
    spectrum[20_000:] = 0.0
    return np.fft.irfft(spectrum)


@pytest.mark.parametrize("level", [0.9, 1.4, 8.0])
@pytest.mark.parametrize(
    "kind", ["quarter of the rate", "noise up to 20 kHz", "square", "12 kHz and 17 kHz"]
)
def test_no_peak_between_frames_passes_full_scale(kind: str, level: float) -> None:
    time = np.arange(RATE)
    wave = {
        "quarter of the rate": np.sin(np.pi / 2 * time + np.pi / 4) * 2**0.5,
        "noise up to 20 kHz": band_limited(np.random.default_rng(3).uniform(-1, 1, RATE)),
        "square": np.sign(np.sin(0.131 * time)),
        "12 kHz and 17 kHz": np.sin(np.pi / 2 * time + 0.7) + np.sin(2.2252 * time),
    }[kind]
    mixer = mixer_with(np.repeat(level * wave[:, None], 2, axis=1).astype(np.float32), "loop")
    mixer.hit(0)
    mixer.render(RATE // 2)
    ends = np.minimum(1.0, np.minimum(time, time[::-1]) / 2000)
    assert 0.6 < true_peak(mixer.render(RATE)[:, 0] * ends) <= 1.0


def test_a_single_over_is_turned_down_before_it_arrives() -> None:
    sound = tone(1000, 9600, level=0.3)
    sound[4800] = 3.0
    mixer = mixer_with(sound)
    mixer.hit(0, at_frame=0)
    out = heard(mixer, 9600)
    wanted = expected(sound.astype(np.float64))
    assert np.array_equal(out[: 4800 - DELAY], wanted[: 4800 - DELAY])
    assert 0.8 * CEILING < np.abs(out[4800]).max() <= CEILING
    assert np.allclose(out[9500:], wanted[9500:], rtol=0.5)


def test_limiter_matches_its_definition() -> None:
    sound = noise(6000, level=0.7)
    sound[1000:1300] *= 4.0
    sound[1500] = -5.0
    mixer = mixer_with(sound)
    mixer.hit(0, at_frame=0)
    wanted = limit(expected(padded(sound, 0, 8000)), RATE)
    assert np.allclose(mixer.render(8000), wanted, atol=2e-6)


def test_both_channels_are_turned_down_together() -> None:
    sound = np.full((4800, 2), 0.1, np.float32)
    sound[::2, 0] = 2.0
    sound[1::2, 0] = -2.0
    mixer = mixer_with(sound)
    mixer.hit(0, at_frame=0)
    out = heard(mixer, 4800)
    assert np.abs(out[200:400, 1]).max() < 0.06


def test_offset_is_removed() -> None:
    sound = tone(1000, 2 * RATE, level=0.2) + np.float32(0.4)
    mixer = mixer_with(sound, "loop")
    mixer.hit(0)
    out = mixer.render(2 * RATE)
    assert abs(float(out[RATE:].mean())) < 1e-3
    assert np.allclose(np.abs(out[RATE:, 0]).max(), 0.2, rtol=0.02)


def test_silence_after_sound_is_true_zero() -> None:
    mixer = mixer_with(np.ones((100, 2), np.float32) * np.float32(0.5))
    mixer.hit(0)
    mixer.render(4 * RATE)
    assert not mixer.render(1000).any()


def test_master_gain_moves_without_a_step() -> None:
    sound = tone(50, 2 * RATE)
    mixer = mixer_with(sound)
    mixer.hit(0, at_frame=0)
    before = heard(mixer, 5000)
    mixer.set_master_gain(-20.0)
    after = mixer.render(20_000)
    whole = np.concatenate([before, after])
    assert largest_step(whole) < 0.01
    assert np.allclose(np.abs(after[10_000:]).max(), 0.05, rtol=0.02)


def test_pad_gain_is_heard_while_the_pad_plays() -> None:
    mixer = mixer_with(tone(200, 2 * RATE), "loop")
    mixer.hit(0)
    mixer.render(4800)
    mixer.configure(0, PadParameters("loop", -20.0))
    out = mixer.render(20_000)
    assert largest_step(out) < 1.2 * largest_step(tone(200, RATE))
    assert np.allclose(np.abs(out[10_000:]).max(), 0.05, rtol=0.02)


def test_full_ring_drops_hits_counts_them_and_goes_on() -> None:
    mixer = mixer_with(noise(100))
    for _ in range(COMMANDS + 5):
        mixer.hit(0)
    assert mixer.counts().dropped_commands == 5
    mixer.render(128)
    mixer.hit(0)
    mixer.render(128)
    assert mixer.counts().dropped_commands == 5


def test_too_many_hits_for_later_are_counted() -> None:
    mixer = mixer_with(noise(100))
    for _ in range(2):
        for number in range(COMMANDS):
            mixer.hit(0, at_frame=10_000_000 + number)
        mixer.render(128)
    assert mixer.counts().dropped_commands == COMMANDS
