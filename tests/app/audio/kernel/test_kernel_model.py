"""The compiled kernel against a slow, obvious model of it, over any stream of events."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.audio.mixer.clock import QUANTUM_BEATS, Quantum
from app.audio.mixer.mixer import Mixer
from app.audio.mixer.pad_parameters import LAYER_SELECTIONS, PAD_MODES, PadParameters
from tests.fakes.app.mixer_model import (
    MixerModel,
    ModelBeats,
    ModelEvent,
    ModelPad,
    block_dc,
    limit,
)

RATE = 8_000
"""A low rate makes fades short, so that a short stream holds many of them."""
QUIET = 16
"""Frames before the first event: a swap needs a sound that was there before."""
FRAMES = 500
PADS = 4

VOICINGS = st.builds(
    PadParameters,
    mode=st.sampled_from(PAD_MODES),
    gain_db=st.sampled_from([0.0, -6.0, 3.0]),
    choke_group=st.sampled_from([0, 0, 1, 2]),
    pan=st.sampled_from([0.0, -0.5, 1.0]),
    tune=st.sampled_from([0.0, 0.0, 0.0, 7.0, -12.0, 19.5]),
    start=st.sampled_from([0.0, 0.0, 0.3]),
    end=st.sampled_from([1.0, 1.0, 0.7]),
    reverse=st.booleans(),
    attack_s=st.sampled_from([0.0, 0.0, 0.01]),
    decay_s=st.sampled_from([0.0, 0.0, 0.03]),
    release_s=st.sampled_from([0.005, 0.02]),
    low_pass_hz=st.sampled_from([20_000.0, 20_000.0, 800.0]),
    high_pass_hz=st.sampled_from([20.0, 20.0, 500.0]),
    velocity_curve=st.sampled_from([0.0, 1.0, 2.0]),
    layers=st.sampled_from(LAYER_SELECTIONS),
    loop_bars=st.sampled_from([0, 0, 1, 2]),
)
BETWEEN = 0.1234567
"""A share of a frame; with beats that are no whole number of frames, nothing falls on a half: which
way that is rounded is nobody's business."""
BEATS = st.builds(
    ModelBeats,
    anchor=st.integers(-500, 500).map(lambda frame: frame + BETWEEN),
    frames_per_beat=st.sampled_from([23.7, 40.2468]),
)
REPEATS = st.sampled_from([0.0, 0.0, 1.0, 1 / 3])
SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=3)
EVENTS = st.lists(
    st.builds(
        ModelEvent,
        frame=st.integers(QUIET, FRAMES - 100),
        kind=st.sampled_from(["hit", "hit", "hit", "release", "stop"]),
        pad=st.integers(0, PADS - 1),
        velocity=st.floats(0.1, 1.0),
        note=st.sampled_from([0, 0, 0, 5]),
    ),
    max_size=30,
)
QUANTA = st.sampled_from(["now", "now", "beat", "bar"])
SWAPS = st.dictionaries(
    st.integers(0, PADS - 1), st.tuples(st.integers(QUIET, FRAMES), QUANTA, SIZES)
)


def make_sounds(sizes: list[int], seed: int) -> tuple[NDArray[np.float32], ...]:
    """Sums of a few sines: their ends are steps, some loops' seams are smooth."""
    rng = np.random.default_rng(seed)
    sounds = []
    for frames in sizes:
        time = np.arange(frames)[:, None]
        turns = rng.integers(1, 9, 2) if frames % 2 else rng.uniform(0.0, frames / 2, 2)
        waves = np.sin(2 * np.pi * turns * time / frames + rng.uniform(0, 6, 2))
        sounds.append((0.2 * waves).astype(np.float32))
    return tuple(sounds)


def send(mixer: Mixer, event: ModelEvent) -> None:
    if event.kind == "hit":
        mixer.hit(event.pad, event.velocity, event.frame, event.note)
    elif event.kind == "release":
        mixer.release(event.pad, event.frame, event.note)
    else:
        mixer.stop(event.pad, event.frame)


# The same streams every time: what fails, fails for everybody, and not once in a while.
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(VOICINGS, SIZES), min_size=PADS, max_size=PADS),
    EVENTS,
    SWAPS,
    st.sampled_from([1, 3, 64]),
    st.tuples(BEATS, REPEATS),
    st.sampled_from([13, 64, 300]),
)
def test_any_events_sound_as_the_model_says(
    pads: list[tuple[PadParameters, list[int]]],
    events: list[ModelEvent],
    swaps: dict[int, tuple[int, Quantum, list[int]]],
    voices: int,
    time: tuple[ModelBeats, float],
    block: int,
) -> None:
    beats, repeat_beats = time
    mixer = Mixer(RATE, pads=PADS, voices=voices)
    # Far faster than a clock can go, so that a short stream holds many bars.
    mixer.write_tempo_line(beats.anchor, beats.frames_per_beat)
    mixer.set_note_repeat(repeat_beats)
    model = MixerModel(RATE, voices, beats, repeat_beats)
    for index, (parameters, sizes) in enumerate(pads):
        sounds = make_sounds(sizes, index)
        mixer.configure(index, parameters)
        mixer.load_layers(index, sounds)
        model.pads[index] = ModelPad(sounds, parameters)
    heard = [mixer.render(QUIET, QUIET)]
    for event in events:
        send(mixer, event)
    changes = []
    for index, (frame, quantum, sizes) in sorted(swaps.items(), key=lambda swap: swap[1][0]):
        sounds = make_sounds(sizes, 10 + index)
        heard.append(mixer.render(frame - mixer.frame, block))
        mixer.load_layers(index, sounds, quantum)
        changes.append(
            ModelEvent(frame, "swap", index, sounds=sounds, beats=QUANTUM_BEATS[quantum])
        )
    heard.append(mixer.render(FRAMES - mixer.frame, block))
    out = np.concatenate(heard)
    wanted = limit(block_dc(model.play([*changes, *events], FRAMES), RATE), RATE)
    assert np.abs(out - wanted).max() < 2e-4
