"""What a MIDI message can do: the names a controller map is written in. Any thread.

Values are the rows of app.model.parameters; presses stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.model.parameters import (
    PAD_NUMBERS,
    PAD_OPTIONS,
    SESSION_NUMBERS,
    SESSION_OPTIONS,
    Parameter,
)

Kind = Literal["pad", "press", "hold", "value"]
"""pad: plays a pad while it is held. press: happens once. hold: lasts while held. value: a knob's
or fader's place."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that can be done."""

    name: str
    """As a map says it."""
    title: str
    """As the window says it."""
    kind: Kind
    for_pad: bool = False
    """It is done to one pad: the one its line names, else the pad hit last, else the selected."""
    learnt: bool = True
    """A touch is all it takes to teach it."""


_PRESSES = (
    Target("hit", "Play a pad", "pad", for_pad=True, learnt=False),
    Target("generate", "Generate", "press", for_pad=True),
    Target("again", "Again", "press", for_pad=True),
    Target("vary", "Vary", "press", for_pad=True),
    Target("cancel", "Stop making it", "press", for_pad=True),
    Target("record", "Record while held", "hold", for_pad=True),
    Target("record_toggle", "Start and stop recording", "press", for_pad=True),
    Target("previous_take", "Take before", "press", for_pad=True),
    Target("next_take", "Take after", "press", for_pad=True),
    Target("lock", "Lock or unlock", "press", for_pad=True),
    Target("select", "Select a pad", "press", for_pad=True),
    Target("previous_pad", "Select the pad before", "press"),
    Target("next_pad", "Select the pad after", "press"),
    Target("stop", "Silence", "press"),
    Target("tap", "Tap the tempo", "press"),
    Target("metronome", "Metronome", "press"),
    Target("beat_1", "Beat 1", "press"),
    Target("keep_seed", "Keep the seed", "press"),
    Target("play_back", "Play recordings back", "press"),
    Target("count_in", "Count in before recording", "press"),
    Target("resample", "Record what is played", "press"),
    Target("perform", "Record all to a file", "press"),
    Target("sixteen_notes", "Sixteen notes of a pad", "press"),
    Target("full_level", "Full level", "press"),
    Target("reverse", "Reverse a pad", "press", for_pad=True),
    Target("kit", "Open a kit", "press", learnt=False),
)

_SESSION_ROWS: tuple[Parameter, ...] = (*SESSION_NUMBERS, *SESSION_OPTIONS)
_PAD_ROWS: tuple[Parameter, ...] = (*PAD_NUMBERS.values(), *PAD_OPTIONS)
_ALL = (
    *_PRESSES,
    *(Target(row.target, row.title, "value") for row in _SESSION_ROWS),
    *(Target(row.target, row.title, "value", for_pad=True) for row in _PAD_ROWS),
)

TARGETS = {target.name: target for target in _ALL}
