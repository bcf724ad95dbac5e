"""What a knob can move: each value with its ends, its way between them, and its words.

Main thread only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

from app.actions.pads.pad_settings import PadSettings
from app.audio.mixer.clock import NOTE_REPEATS, QUANTUM_BEATS
from app.audio.mixer.voicing import (
    HIGHEST_HZ,
    LAYER_SELECTIONS,
    LEAST_GAIN_DB,
    LONGEST_ATTACK_S,
    LONGEST_DECAY_S,
    LONGEST_RELEASE_S,
    LOOP_BARS,
    LOWEST_HZ,
    MOST_CHOKE_GROUP,
    MOST_GAIN_DB,
    MOST_TUNE,
    MOST_VELOCITY_CURVE,
    PAD_MODES,
    SHORTEST_REGION,
    SHORTEST_RELEASE_S,
)
from app.model.session import RecordStart, Session
from engine.api import LEAST_STRENGTH, LONGEST_S, MOST_STRENGTH, SHORTEST_S

STEPS = (1, 2, 4, 8)
RECORD_STARTS: tuple[RecordStart, ...] = get_args(RecordStart)
RECORD_BARS = (0, 1, 2, 4)
QUANTA = tuple(QUANTUM_BEATS)
KNOB_TEMPO = (60.0, 200.0)
"""A knob has 127 steps: over the whole 20..999 bpm each would be a jump of 8 bpm."""
MOST_BARS = 8
FIRST_S = 0.002
"""The first step of an attack or a decay above none."""
MASTER_DB = (-60.0, 6.0)
NEAR_ZERO = 0.501 / 127
"""Half a step of a knob, and what rounding adds: nearer to zero no place can be."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A value that a knob moves from `least` to `most`, in its own unit."""

    least: float
    most: float
    get: Callable[[int], float]
    """Of the pad 0..15, where the value is one pad's."""
    set: Callable[[int, float], object]
    text: Callable[[float], str]
    octaves: bool = False
    """The same turn is the same interval, as ears count; else the same difference."""

    def between(self, least: float | None, most: float | None) -> Knob:
        """Return it with other ends, within its own; they may be the wrong way round."""
        ends = (self.least if least is None else least, self.most if most is None else most)
        first, last = (min(max(end, self.least), self.most) for end in ends)
        return replace(self, least=first, most=last)

    def place(self, pad: int) -> float:
        """Return where the knob would stand for the value, 0..1."""
        return self.place_of(self.get(pad))

    def place_of(self, value: float) -> float:
        """Return where the knob would stand for a value, 0..1."""
        if self.octaves:
            share = math.log(max(value, 1e-9) / self.least) / math.log(self.most / self.least)
        else:
            share = (value - self.least) / (self.most - self.least)
        return min(max(share, 0.0), 1.0)

    def turn(self, pad: int, share: float) -> None:
        """Set the value to where the knob stands, 0..1."""
        if self.octaves:
            value = self.least * (self.most / self.least) ** share
        else:
            value = self.least + share * (self.most - self.least)
            if abs(value) <= abs(self.most - self.least) * NEAR_ZERO:
                value = 0.0
        # Powers may come out a hair beyond the end.
        self.set(pad, min(max(value, min(self.least, self.most)), max(self.least, self.most)))

    def spoken(self, pad: int) -> str:
        """Return the value in a player's words."""
        return self.text(self.get(pad))


def make_knobs(session: Session, settings: PadSettings) -> dict[str, Knob]:
    """Return every value by the name of its target (app.midi.messages.targets)."""
    return (
        _session_knobs(session)
        | _record_knobs(session)
        | _choice_knobs(session, settings)
        | {
            name: _voicing_knob(session, settings, field, ends, text)
            for name, field, ends, text in _VOICING
        }
        | {
            name: _voicing_knob(session, settings, field, ends, text, octaves=True)
            for name, field, ends, text in _VOICING_OCTAVES
        }
    )


Ends = tuple[float, float]
Text = Callable[[float], str]

_VOICING: tuple[tuple[str, str, Ends, Text], ...] = (
    ("pad_level", "gain_db", (LEAST_GAIN_DB, MOST_GAIN_DB), lambda db: f"level {db:+.1f} dB"),
    ("start", "start", (0.0, 1.0 - SHORTEST_REGION), lambda share: f"start {share:.1%}"),
    ("end", "end", (SHORTEST_REGION, 1.0), lambda share: f"end {share:.1%}"),
    ("pan", "pan", (-1.0, 1.0), lambda pan: f"pan {pan:+.2f}"),
    ("tune", "tune", (-MOST_TUNE, MOST_TUNE), lambda tune: f"tune {tune:+.1f}"),
    (
        "velocity_curve",
        "velocity_curve",
        (0.0, MOST_VELOCITY_CURVE),
        lambda curve: f"velocity curve {curve:.1f}",
    ),
)
_VOICING_OCTAVES: tuple[tuple[str, str, Ends, Text], ...] = (
    ("low_pass", "low_pass_hz", (LOWEST_HZ, HIGHEST_HZ), lambda hz: f"low-pass {hz:.0f} Hz"),
    ("high_pass", "high_pass_hz", (LOWEST_HZ, HIGHEST_HZ), lambda hz: f"high-pass {hz:.0f} Hz"),
    ("attack", "attack_s", (FIRST_S, LONGEST_ATTACK_S), lambda s: f"attack {s:.3f} s"),
    ("decay", "decay_s", (FIRST_S, LONGEST_DECAY_S), lambda s: f"decay {s:.3f} s"),
    (
        "release",
        "release_s",
        (SHORTEST_RELEASE_S, LONGEST_RELEASE_S),
        lambda s: f"release {s:.3f} s",
    ),
)


def _voicing_knob(
    session: Session,
    settings: PadSettings,
    field: str,
    ends: Ends,
    text: Text,
    *,
    octaves: bool = False,
) -> Knob:
    pads = session.kit.pads
    # Of an attack or a decay the lowest step is none at all.
    none_at_least = ends[0] == FIRST_S

    def put(pad: int, value: float) -> None:
        if none_at_least and value <= FIRST_S:
            value = 0.0
        elif field == "start":
            value = min(value, pads[pad].voicing.end - SHORTEST_REGION)
        elif field == "end":
            value = max(value, pads[pad].voicing.start + SHORTEST_REGION)
        settings.change(pad, **{field: value})

    def get(pad: int) -> float:
        return float(getattr(pads[pad].voicing, field))

    return Knob(*ends, get, put, text, octaves)


def _session_knobs(session: Session) -> dict[str, Knob]:
    return {
        "strength": Knob(
            LEAST_STRENGTH,
            MOST_STRENGTH,
            lambda _pad: session.strength,
            lambda _pad, value: setattr(session, "strength", round(value, 2)),
            lambda value: f"strength {value:.2f}",
        ),
        "steps": Knob(
            0,
            len(STEPS) - 1,
            lambda _pad: STEPS.index(session.steps) if session.steps in STEPS else 0,
            lambda _pad, value: setattr(session, "steps", STEPS[round(value)]),
            lambda value: f"{STEPS[round(value)]} steps",
        ),
        "tempo": Knob(
            *KNOB_TEMPO,
            lambda _pad: session.bpm,
            lambda _pad, value: setattr(session, "bpm", float(round(value))),
            lambda value: f"{value:.0f} bpm",
        ),
        "swap_at": Knob(
            0,
            len(QUANTA) - 1,
            lambda _pad: QUANTA.index(session.swap_at),
            lambda _pad, value: setattr(session, "swap_at", QUANTA[round(value)]),
            lambda value: f"loops swap: {QUANTA[round(value)].replace('_', ' ')}",
        ),
        "master_gain": Knob(
            *MASTER_DB,
            lambda _pad: session.master_gain_db,
            lambda _pad, value: setattr(session, "master_gain_db", round(value, 1)),
            lambda value: f"master {value:+.1f} dB",
        ),
        "note_repeat": Knob(
            0,
            len(NOTE_REPEATS) - 1,
            lambda _pad: NOTE_REPEATS.index(session.note_repeat),
            lambda _pad, value: setattr(session, "note_repeat", NOTE_REPEATS[round(value)]),
            lambda value: _spoken_repeat(NOTE_REPEATS[round(value)]),
        ),
        "length": _length_knob(session),
    }


def _record_knobs(session: Session) -> dict[str, Knob]:
    return {
        "record_start": Knob(
            0,
            len(RECORD_STARTS) - 1,
            lambda _pad: RECORD_STARTS.index(session.record_start),
            lambda _pad, value: setattr(session, "record_start", RECORD_STARTS[round(value)]),
            lambda value: f"recordings begin: {RECORD_STARTS[round(value)].replace('_', ' ')}",
        ),
        "record_bars": Knob(
            0,
            len(RECORD_BARS) - 1,
            lambda _pad: RECORD_BARS.index(session.record_bars),
            lambda _pad, value: setattr(session, "record_bars", RECORD_BARS[round(value)]),
            lambda value: f"recordings of {RECORD_BARS[round(value)] or 'any'} bars",
        ),
    }


def _choice_knobs(session: Session, settings: PadSettings) -> dict[str, Knob]:
    pads, change = session.kit.pads, settings.change
    return {
        "play_mode": Knob(
            0,
            len(PAD_MODES) - 1,
            lambda pad: PAD_MODES.index(pads[pad].voicing.mode),
            lambda pad, value: change(pad, mode=PAD_MODES[round(value)]),
            lambda value: PAD_MODES[round(value)].replace("_", " "),
        ),
        "choke_group": Knob(
            0,
            MOST_CHOKE_GROUP,
            lambda pad: pads[pad].voicing.choke_group,
            lambda pad, value: change(pad, choke_group=round(value)),
            lambda value: f"choke group {round(value)}",
        ),
        "loop_bars": Knob(
            0,
            len(LOOP_BARS) - 1,
            lambda pad: LOOP_BARS.index(pads[pad].voicing.loop_bars),
            lambda pad, value: change(pad, loop_bars=LOOP_BARS[round(value)]),
            lambda value: f"loop of {LOOP_BARS[round(value)] or 'no'} bars",
        ),
        "layers": Knob(
            0,
            len(LAYER_SELECTIONS) - 1,
            lambda pad: LAYER_SELECTIONS.index(pads[pad].voicing.layers),
            lambda pad, value: change(pad, layers=LAYER_SELECTIONS[round(value)]),
            lambda value: f"takes: {LAYER_SELECTIONS[round(value)].replace('_', ' ')}",
        ),
    }


def _spoken_repeat(beats: float) -> str:
    return f"repeat every 1/{4 / beats:.0f}" if beats else "no repeat"


def _length_knob(session: Session) -> Knob:
    """Bars or seconds, whichever the length is counted in, over the whole way."""

    def share(_pad: int) -> float:
        if session.length_unit == "bars":
            return (session.bars - 1) / (MOST_BARS - 1)
        return (session.seconds - SHORTEST_S) / (LONGEST_S - SHORTEST_S)

    def put(_pad: int, value: float) -> None:
        if session.length_unit == "bars":
            session.bars = 1 + round(value * (MOST_BARS - 1))
        else:
            session.seconds = round(SHORTEST_S + value * (LONGEST_S - SHORTEST_S), 2)

    def text(_value: float) -> str:
        if session.length_unit == "bars":
            return f"length {session.bars} bars"
        return f"length {session.seconds:g} s"

    return Knob(0.0, 1.0, share, put, text)
