"""What a player hears of the parameters: pitch, place, envelope, filters, layers; never a click."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import PAD_MODES, PadParameters

RATE = 48_000
DELAY = 78
Wave = NDArray[np.float32]


def sine(hertz: float, frames: int = RATE, level: float = 0.5, phase: float = 0.0) -> Wave:
    wave = level * np.sin(2 * np.pi * hertz * np.arange(frames) / RATE + phase)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def played(parameters: PadParameters, sound: Wave, frames: int = RATE, **hit: float) -> Wave:
    mixer = Mixer(RATE)
    mixer.load(0, sound)
    mixer.configure(0, parameters)
    mixer.hit(0, at_frame=0, **hit)  # type: ignore[arg-type]
    return mixer.render(frames + DELAY)[DELAY:]


def level_db(wave: Wave) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(wave**2)) * np.sqrt(2) + 1e-12))


def spectrum_db(wave: Wave) -> Wave:
    """One bin a hertz for a second of sound; a full-scale sine is 0 dB."""
    window = np.blackman(len(wave))
    return np.asarray(20 * np.log10(np.abs(np.fft.rfft(wave * window)) / window.sum() * 2 + 1e-12))


# --- pitch ---


@pytest.mark.parametrize("semitones", [-24, -7, 0.5, 7, 12, 24])
def test_tune_moves_the_pitch(semitones: float) -> None:
    out = played(PadParameters("loop", tune=semitones), sine(440.0))[:, 0]
    hertz = np.argmax(spectrum_db(out)) * RATE / len(out)
    assert hertz == pytest.approx(440.0 * 2 ** (semitones / 12), abs=1.0)


@pytest.mark.parametrize("semitones", [-12, 3.3, 7, 12, 19, 24])
def test_tune_makes_nothing_that_was_not_there(semitones: float) -> None:
    """A sound of 1, 6 and 17 kHz: whatever would lie above half the rate is gone, not folded."""
    sources = (1000.0, 6000.0, 17_000.0)
    sound = sum((sine(hertz, 4 * RATE, 0.2) for hertz in sources), np.zeros((4 * RATE, 2)))
    parameters = PadParameters(tune=semitones)
    out = played(parameters, sound.astype(np.float32), RATE // 2)[2000:, 0]
    found = spectrum_db(out)
    bins = np.arange(len(found)) * RATE / len(out)
    wanted = np.array(sources) * 2 ** (semitones / 12)
    beside = np.all(np.abs(bins[:, None] - wanted) > 40.0, axis=1)
    assert found[beside].max() < -65.0 - 14.0 + 6.0
    assert found.max() == pytest.approx(-14.0, abs=1.0)


def test_notes_of_a_pad_sound_beside_each_other_and_are_let_go_one_by_one() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, sine(440.0, 4 * RATE, 0.2))
    mixer.configure(0, PadParameters("gate"))
    mixer.hit(0, at_frame=0)
    mixer.hit(0, at_frame=0, note=12)
    mixer.release(0, at_frame=24_000)
    both, one = np.split(mixer.render(48_000)[:, 0], 2)
    assert spectrum_db(both)[[220, 440]].min() > -16.0
    assert spectrum_db(one[2000:])[round(440 * 22 / 48)] < -60.0


# --- place, velocity, envelope, filters ---


def test_pan_leaves_one_side_as_it_is() -> None:
    centre = played(PadParameters(), sine(500.0))
    half = played(PadParameters(pan=-0.5), sine(500.0))
    left = played(PadParameters(pan=-1.0), sine(500.0))
    assert np.array_equal(half[:, 0], centre[:, 0]) and np.array_equal(left[:, 0], centre[:, 0])
    assert level_db(half[:40_000, 1]) - level_db(centre[:40_000, 1]) == pytest.approx(-3.0, abs=0.1)
    assert np.abs(left[:, 1]).max() < 1e-15


@pytest.mark.parametrize(("curve", "softer_db"), [(0.0, 0.0), (1.0, -6.02), (2.0, -12.04)])
def test_velocity_curve(curve: float, softer_db: float) -> None:
    hard, soft = (
        level_db(
            played(PadParameters(velocity_curve=curve), sine(500.0), velocity=velocity)[:40_000, 0]
        )
        for velocity in (1.0, 0.5)
    )
    assert soft - hard == pytest.approx(softer_db, abs=0.05)


def test_attack_rises_and_decay_falls_by_60_db() -> None:
    out = played(PadParameters(attack_s=0.1, decay_s=0.5), sine(2000.0, 2 * RATE), 2 * RATE)[:, 0]
    peaks = np.abs(out).reshape(-1, 480).max(axis=1)
    assert peaks[4] == pytest.approx(0.25, rel=0.05)
    assert peaks[10] == pytest.approx(0.5, rel=0.15)
    assert 20 * np.log10(peaks[50] / peaks[10]) == pytest.approx(-48.0, abs=1.0)
    assert np.abs(out[RATE + 20_000 :]).max() < 1e-5


def test_gate_fades_as_long_as_its_release() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, sine(1000.0, 4 * RATE))
    mixer.configure(0, PadParameters("gate", release_s=0.5))
    mixer.hit(0, at_frame=0)
    mixer.release(0, at_frame=4800)
    out = np.abs(mixer.render(RATE)[DELAY:, 0])
    assert out[4800 + 12_000 - 100 : 4800 + 12_000].max() == pytest.approx(0.125, rel=0.05)
    assert out[4800 + 24_000 :].max() < 1e-4


@pytest.mark.parametrize(
    ("parameters", "hertz", "change_db"),
    [
        (PadParameters("loop", low_pass_hz=1000.0), 1000.0, -3.0),
        (PadParameters("loop", low_pass_hz=1000.0), 4000.0, -24.3),
        (PadParameters("loop", low_pass_hz=1000.0), 100.0, 0.0),
        (PadParameters("loop", high_pass_hz=1000.0), 1000.0, -3.0),
        (PadParameters("loop", high_pass_hz=1000.0), 250.0, -24.1),
        (PadParameters("loop", high_pass_hz=1000.0), 8000.0, 0.0),
    ],
)
def test_filters_cut_12_db_an_octave(
    parameters: PadParameters, hertz: float, change_db: float
) -> None:
    out = played(parameters, sine(hertz))[RATE // 2 : RATE // 2 + 9600, 0]
    assert level_db(out) - level_db(sine(hertz)[:, 0]) == pytest.approx(change_db, abs=0.4)


def test_a_voice_that_fades_fast_is_not_slowed_by_a_slow_release() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, sine(1000.0, RATE))
    mixer.configure(0, PadParameters("gate", release_s=1.0))
    mixer.hit(0, at_frame=0)
    mixer.stop(0, at_frame=4800)
    mixer.release(0, at_frame=4810)
    assert np.abs(mixer.render(RATE)[4800 + 240 + DELAY :, 0]).max() < 1e-3


# --- regions, toggles, layers ---


def test_start_end_and_reverse_choose_what_sounds() -> None:
    ramp = np.repeat(np.linspace(0.0, 0.5, 1000, dtype=np.float32)[:, None], 2, axis=1)
    out = played(PadParameters("loop", start=0.5, end=0.6), ramp, 4000)
    assert out[90:100, 0].max() < 0.31
    mixer = Mixer(RATE)
    mixer.load(0, np.tile(ramp, (40, 1)))
    mixer.configure(0, PadParameters(reverse=True, start=0.5))
    mixer.hit(0)
    mixer.render(128)
    assert mixer.playing(0) == pytest.approx((40_000 - 1 - 128) / RATE)
    mixer.render(20_000)
    assert mixer.playing(0) is None


def test_toggle_goes_round_until_the_next_hit() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, sine(1000.0, 4800))
    mixer.configure(0, PadParameters("toggle"))
    mixer.hit(0)
    assert np.abs(mixer.render(RATE)[-4800:]).max() > 0.4
    mixer.hit(0)
    assert np.abs(mixer.render(RATE)[-4800:]).max() < 1e-3
    mixer.hit(0)
    assert np.abs(mixer.render(RATE)[-4800:]).max() > 0.4


@pytest.mark.parametrize(
    ("layers", "heard"),
    [("single", [0, 0, 0, 0]), ("round_robin", [0, 1, 2, 0]), ("velocity", [0, 1, 2, 2])],
)
def test_layers_are_played_first_in_turn_or_by_velocity(layers: str, heard: list[int]) -> None:
    mixer = Mixer(RATE)
    sounds = [sine(1000.0 * (number + 1), 4800) for number in range(3)]
    mixer.load_layers(0, sounds)
    mixer.configure(0, PadParameters(layers=layers, velocity_curve=0.0))  # type: ignore[arg-type]
    found = []
    for velocity in (0.2, 0.5, 0.8, 1.0):
        mixer.hit(0, velocity)
        out = mixer.render(9600)[:4800, 0]
        found.append(int(np.argmax(np.abs(np.fft.rfft(out))) // 100) - 1)
    assert found == heard


# --- no clicks ---


def largest_step(out: Wave) -> float:
    return float(np.abs(np.diff(out, axis=0)).max())


CUTS = {
    "hit again": lambda mixer: mixer.hit(0),
    "stopped": lambda mixer: mixer.stop(0),
    "stopped all": lambda mixer: mixer.stop_all(),
    "let go": lambda mixer: mixer.release(0),
    "choked": lambda mixer: mixer.hit(1),
    "swapped": lambda mixer: mixer.load(0, sine(90.0, 9000, 0.5, 2.0)),
    "emptied": lambda mixer: mixer.load(0, None),
    "filtered": lambda mixer: mixer.configure(0, PadParameters("loop", low_pass_hz=300.0)),
    "high-passed": lambda mixer: mixer.configure(0, PadParameters("loop", high_pass_hz=300.0)),
    "panned": lambda mixer: mixer.configure(0, PadParameters("loop", pan=1.0)),
    "tuned": lambda mixer: mixer.configure(0, PadParameters("loop", tune=-5.0)),
    "level": lambda mixer: mixer.configure(0, PadParameters("loop", gain_db=-60.0)),
    "master": lambda mixer: mixer.set_master_gain(-60.0),
    "flooded": lambda mixer: [mixer.hit(0, note=note) for note in range(-24, 24)] * 2,
}


@pytest.mark.parametrize("mode", PAD_MODES)
@pytest.mark.parametrize("cut", CUTS)
def test_whatever_cuts_a_sound_does_not_click(cut: str, mode: str) -> None:
    """A slow sine has steps of 0.006; a cut at its loudest would be one of 0.5."""
    sound = sine(80.0, 9000, 0.5, 1.0)
    mixer = Mixer(RATE, voices=4 if cut == "flooded" else 64)
    quiet = sine(80.0, 4000, 0.0)
    for pad, loaded in ((0, sound), (1, quiet)):
        mixer.load(pad, loaded)
        mixer.configure(pad, replace(PadParameters(choke_group=1), mode=mode, attack_s=0.01))  # type: ignore[arg-type]
    mixer.set_master_gain(-12.0 if cut == "flooded" else 0.0)
    mixer.render(4800)
    mixer.hit(0)
    parts = [mixer.render(3128)]
    CUTS[cut](mixer)  # type: ignore[no-untyped-call]
    parts.append(mixer.render(12_000))
    own = largest_step(sine(80.0))
    assert largest_step(np.concatenate(parts)) < 8 * own


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mode", ["one_shot", "loop"])
def test_cut_regions_do_not_click(mode: str, reverse: bool) -> None:
    sound = sine(80.0, 9000, 0.5, 1.0)
    for start, end in ((0.1, 0.9), (0.33, 0.51), (0.0, 0.77)):
        parameters = PadParameters(mode, start=start, end=end, reverse=reverse)  # type: ignore[arg-type]
        whole = np.concatenate([np.zeros((1, 2), np.float32), played(parameters, sound, 30_000)])
        first = 1 if start == 0.0 and not reverse else 0  # its own beginning is meant
        assert largest_step(whole[first:]) < 8 * largest_step(sine(80.0))


def test_a_loop_crosses_over_to_its_pads_new_sound_at_the_same_place() -> None:
    mixer = Mixer(RATE)
    mixer.load(0, sine(100.0, 48_000))
    mixer.configure(0, PadParameters("loop"))
    mixer.hit(0)
    mixer.render(6000)
    mixer.load(0, sine(200.0, 48_000))
    assert mixer.playing(0) == pytest.approx(0.125)
    out = mixer.render(4800)
    assert np.abs(out[200:]).max() < 0.7
    assert mixer.playing(0) == pytest.approx(0.225)
    assert spectrum_db(mixer.render(4800)[:, 0]).argmax() == 20
    assert mixer.sounds_alive == 1


def looping(bpm: float = 120.0) -> Mixer:
    """A loop of 1 kHz that runs from the first bar on."""
    mixer = Mixer(RATE)
    mixer.clock.set_tempo(bpm)
    mixer.load(0, sine(1000.0, 4800))
    mixer.configure(0, PadParameters("loop"))
    mixer.hit(0)
    mixer.render(4800)
    return mixer


def pitch(mixer: Mixer, frames: int = 4800) -> int:
    """What sounds now, in Hz."""
    return int(np.argmax(spectrum_db(mixer.render(frames)[:, 0]))) * RATE // frames


def render_up_to(mixer: Mixer, frame: int) -> None:
    mixer.render(frame - mixer.frame, 100)


def test_a_running_loop_takes_its_new_sound_on_the_bar_at_the_tempo_of_then() -> None:
    mixer = looping()
    mixer.load(0, sine(2000.0, 4800), at="bar")
    mixer.clock.set_tempo(60.0)
    # At 120 bpm the bar would have been on frame 96000; a tenth of a bar had passed at 4800.
    bar = mixer.clock.frame_of(4.0)
    assert bar > 180_000
    render_up_to(mixer, bar - 6000)
    assert pitch(mixer) == 1000
    render_up_to(mixer, bar + 1200)
    assert pitch(mixer) == 2000


def test_a_new_sound_on_the_bar_hears_that_the_beats_were_begun_anew() -> None:
    mixer = looping()
    render_up_to(mixer, 4 * 96_000 + 4800)
    mixer.load(0, sine(2000.0, 4800), at="bar")
    mixer.clock.start()
    start = mixer.clock.frame_of(0.0)
    render_up_to(mixer, start + 96_000 + 1200)
    assert pitch(mixer) == 2000


def test_a_new_sound_waits_for_nothing_when_its_loop_stands() -> None:
    mixer = looping()
    mixer.load(0, sine(2000.0, 4800), at="four_bars")
    mixer.stop(0)
    mixer.render(4800)
    mixer.hit(0)
    mixer.render(480)
    assert pitch(mixer) == 2000


def test_a_second_new_sound_waits_for_the_same_bar() -> None:
    mixer = looping()
    mixer.load(0, sine(2000.0, 4800), at="bar")
    mixer.render(4800)
    mixer.load(0, sine(3000.0, 4800), at="bar")
    render_up_to(mixer, 96_000 - 6000)
    assert pitch(mixer) == 1000
    render_up_to(mixer, 96_000 + 1200)
    assert pitch(mixer) == 3000
    assert mixer.sounds_alive == 1
    mixer.load(0, sine(4000.0, 4800), at="bar")
    assert pitch(mixer) == 3000
