"""The table of parameters: a pad's and the session's, each with range, curve and texts.

Sliders, fields, menus, knobs, MIDI targets and the valid range in files all derive from these rows.
Any thread. A new number of a pad is a field with its range in app.audio.mixer.pad_parameters, its
use in the kernel, and a row in `_PAD_NUMBERS`; its slider, its MIDI target and its key in saved
kits follow from these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from app.audio.mixer.clock import FASTEST_BPM, NOTE_REPEATS, SLOWEST_BPM, Quantum
from app.audio.mixer.pad_parameters import (
    DEFAULT_PARAMETERS,
    HIGHEST_HZ,
    LOOP_BARS,
    LOWEST_HZ,
    RANGES,
    LayerSelection,
    PadMode,
)
from app.model.parameter_kinds import Choice, Number, Options
from engine.api import LEAST_STRENGTH, LONGEST_S, MOST_STRENGTH, SHORTEST_S

RecordStart = Literal["now", "sound", "beat", "bar", "four_bars"]
RECORD_BARS = (0, 1, 2, 4)
FIRST_STEP_S = 0.002
"""The shortest attack or decay other than none."""
KNOB_BPM = (60.0, 200.0)
"""A MIDI knob has 127 steps: over the whole tempo range each would be a jump of 8 bpm."""


# --- formats ---


def _format_pan(value: float) -> str:
    side = "L" if value < 0 else "R"
    return f"{side} {abs(value) * 100:.0f}" if value else "Centre"


def _format_hertz(off: float) -> Callable[[float], str]:
    def text(value: float) -> str:
        if value == off:
            return "Off"
        return f"{value / 1000:.1f} kHz" if value >= 1000 else f"{value:.0f} Hz"

    return text


def _format_seconds(value: float) -> str:
    if value == 0.0:
        return "None"
    return f"{value:.2f} s" if value >= 0.995 else f"{value * 1000:.0f} ms"


def _format_percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def _format_db(value: float) -> str:
    return f"{value:+.1f} dB" if value else "0.0 dB"


def _format_bars(value: float) -> str:
    return "1 bar" if value == 1 else f"{value:.0f} bars"


# --- the rows of a pad; ranges and defaults are those of the fields of PadParameters ---


_PAD_NUMBERS = (
    Number(
        "gain_db",
        "pad_level",
        "Level",
        "Level of a pad",
        *RANGES["gain_db"],
        DEFAULT_PARAMETERS.gain_db,
        _format_db,
        slider_steps=144,
        tip="Level of the pad",
    ),
    Number(
        "tune",
        "tune",
        "Tune",
        "Tune of a pad",
        *RANGES["tune"],
        DEFAULT_PARAMETERS.tune,
        lambda value: f"{value:+.3g} st" if value else "0 st",
        slider_steps=96,
        page="shape",
        tip="Semitones; up is faster and shorter",
    ),
    Number(
        "start",
        "start",
        "Start",
        "Start of a pad's sound",
        *RANGES["start"],
        DEFAULT_PARAMETERS.start,
        _format_percent,
        slider_steps=999,
        page="shape",
        tip="Where the sound begins",
    ),
    Number(
        "end",
        "end",
        "End",
        "End of a pad's sound",
        *RANGES["end"],
        DEFAULT_PARAMETERS.end,
        _format_percent,
        slider_steps=999,
        page="shape",
        tip="Where the sound ends",
    ),
    Number(
        "attack_s",
        "attack",
        "Attack",
        "Attack of a pad",
        *RANGES["attack_s"],
        DEFAULT_PARAMETERS.attack_s,
        _format_seconds,
        curve="exponential",
        first_step=FIRST_STEP_S,
        slider_steps=200,
        page="shape",
        tip="How long it takes to come in",
    ),
    Number(
        "decay_s",
        "decay",
        "Decay",
        "Decay of a pad",
        *RANGES["decay_s"],
        DEFAULT_PARAMETERS.decay_s,
        _format_seconds,
        curve="exponential",
        first_step=FIRST_STEP_S,
        slider_steps=200,
        page="shape",
        tip="How long it takes to die away",
    ),
    Number(
        "release_s",
        "release",
        "Release",
        "Release of a pad",
        *RANGES["release_s"],
        DEFAULT_PARAMETERS.release_s,
        _format_seconds,
        curve="exponential",
        slider_steps=200,
        page="shape",
        tip="How long it fades when you let go (gate) or end it (toggle)",
    ),
    Number(
        "pan",
        "pan",
        "Pan",
        "Pan of a pad",
        *RANGES["pan"],
        DEFAULT_PARAMETERS.pan,
        _format_pan,
        slider_steps=100,
        page="tone",
        tip="Left and right",
    ),
    Number(
        "low_pass_hz",
        "low_pass",
        "Low-pass",
        "Low-pass of a pad",
        *RANGES["low_pass_hz"],
        DEFAULT_PARAMETERS.low_pass_hz,
        _format_hertz(HIGHEST_HZ),
        curve="exponential",
        slider_steps=200,
        page="tone",
        tip="Removes frequencies above this",
    ),
    Number(
        "high_pass_hz",
        "high_pass",
        "High-pass",
        "High-pass of a pad",
        *RANGES["high_pass_hz"],
        DEFAULT_PARAMETERS.high_pass_hz,
        _format_hertz(LOWEST_HZ),
        curve="exponential",
        slider_steps=200,
        page="tone",
        tip="Removes frequencies below this",
    ),
    Number(
        "velocity_curve",
        "velocity_curve",
        "Velocity",
        "Velocity curve of a pad",
        *RANGES["velocity_curve"],
        DEFAULT_PARAMETERS.velocity_curve,
        lambda value: f"{value:.1f}" if value else "Full",
        slider_steps=40,
        page="tone",
        tip="How much softer a soft hit is: 0 always full, 2 as usual, 4 steep",
    ),
)

PLAY_MODE: Options[PadMode] = Options(
    "mode",
    "play_mode",
    "Play mode",
    "Play mode of a pad",
    (
        Choice("one_shot", "One-shot", "Plays to its end"),
        Choice("gate", "Gate", "Plays while held"),
        Choice("loop", "Loop", "Plays round and round; Esc ends it"),
        Choice("toggle", "Toggle", "Plays round and round; the next hit ends it"),
    ),
)
CHOKE_GROUP: Options[int] = Options(
    "choke_group",
    "choke_group",
    "Choke group",
    "Choke group of a pad",
    (
        Choice(0, "None"),
        *(Choice(group, str(group)) for group in range(1, int(RANGES["choke_group"][1]) + 1)),
    ),
)
LOOP_LENGTH: Options[int] = Options(
    "loop_bars",
    "loop_bars",
    "Loop",
    "Length of a pad's loop",
    tuple(Choice(bars, _format_bars(bars) if bars else "Loops freely") for bars in LOOP_BARS),
)
LAYERS: Options[LayerSelection] = Options(
    "layers",
    "layers",
    "A hit plays",
    "What a hit of a pad plays",
    (
        Choice("single", "the chosen take"),
        Choice("round_robin", "its takes in turn"),
        Choice("velocity", "its takes by velocity"),
    ),
)


# --- the rows of the session ---

STRENGTH = Number(
    "strength",
    "strength",
    "Strength",
    "Strength",
    LEAST_STRENGTH,
    MOST_STRENGTH,
    0.7,
    lambda value: f"{value:.2f}",
    decimals=2,
)
STEP_COUNT: Options[int] = Options(
    "steps",
    "steps",
    "Steps",
    "Steps",
    (Choice(1, "1", "Fastest"), Choice(2, "2"), Choice(4, "4"), Choice(8, "8", "Best sound")),
)
LENGTH_S = Number(
    "seconds",
    "length",
    "Length",
    "Length",
    SHORTEST_S,
    LONGEST_S,
    1.0,
    lambda value: f"{value:g} s",
    decimals=2,
)
LENGTH_BARS = Number("bars", "length", "Length", "Length", 1, 16, 1, _format_bars, decimals=0)
TEMPO = Number(
    "bpm",
    "tempo",
    "Tempo",
    "Tempo",
    SLOWEST_BPM,
    FASTEST_BPM,
    120.0,
    lambda value: f"{value:g} bpm",
    knob_range=KNOB_BPM,
    decimals=0,
)
SWAP_AT: Options[Quantum] = Options(
    "swap_at",
    "swap_at",
    "",
    "When loops swap",
    (
        Choice("now", "Swap now"),
        Choice("beat", "Swap on beat"),
        Choice("bar", "Swap on bar"),
        Choice("four_bars", "Swap on 4 bars"),
    ),
)
RECORD_START: Options[RecordStart] = Options(
    "record_start",
    "record_start",
    "",
    "When a recording begins",
    (
        Choice("now", "Begin at once"),
        Choice("sound", "Begin with a sound", "from a sound"),
        Choice("beat", "Begin and end on the beat", "on the beat"),
        Choice("bar", "Begin and end on the bar", "on the bar"),
        Choice("four_bars", "Begin and end on 4 bars", "on 4 bars"),
    ),
)
RECORD_LENGTH: Options[int] = Options(
    "record_bars",
    "record_bars",
    "Recordings",
    "Bars of a recording",
    tuple(
        Choice(bars, _format_bars(bars), _format_bars(bars))
        if bars
        else Choice(bars, "Until it is ended")
        for bars in RECORD_BARS
    ),
)
RECORD_THRESHOLD = Number(
    "record_threshold_db", "", "Threshold", "Threshold", -60.0, -6.0, -30.0, _format_db
)
NOTE_REPEAT: Options[float] = Options(
    "note_repeat",
    "note_repeat",
    "Note repeat",
    "Note repeat",
    tuple(
        Choice(beats, text)
        for beats, text in zip(
            NOTE_REPEATS,
            ("No repeat", "1/4", "1/8", "1/8 T", "1/16", "1/16 T", "1/32"),
            strict=True,
        )
    ),
)
MASTER_GAIN = Number(
    "master_gain_db",
    "master_gain",
    "Master level",
    "Master level",
    -60.0,
    6.0,
    0.0,
    lambda value: f"{value:+.1f} dB",
    decimals=1,
)

SESSION_NUMBERS = (STRENGTH, LENGTH_S, LENGTH_BARS, TEMPO, MASTER_GAIN)
SESSION_OPTIONS = (STEP_COUNT, SWAP_AT, RECORD_START, RECORD_LENGTH, NOTE_REPEAT)
PAD_NUMBERS = {row.field: row for row in _PAD_NUMBERS}
PAD_OPTIONS = (PLAY_MODE, CHOKE_GROUP, LOOP_LENGTH, LAYERS)
