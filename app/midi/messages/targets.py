"""Targets: the parameters and actions that MIDI can control, by the names in controller maps.

Values come from app.model.parameters; presses are listed here. Any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.model.parameter_kinds import Parameter
from app.model.parameters import PAD_NUMBERS, PAD_OPTIONS, SESSION_NUMBERS, SESSION_OPTIONS

TargetKind = Literal["pad", "press", "hold", "value"]
"""pad: plays a pad while held. press: happens once. hold: lasts while held. value: a knob's or
fader's position."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parameter or action that a control can be bound to."""

    name: str
    """In controller maps."""
    title: str
    """In the window."""
    kind: TargetKind
    for_pad: bool = False
    """Whether it acts on one pad: that of its binding, else the pad hit last, else the selected."""
    learnable: bool = True
    """Whether MIDI learn offers it."""


_PRESSES = (
    Target("hit", "Play a pad", "pad", for_pad=True, learnable=False),
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
    Target("kit", "Open a kit", "press", learnable=False),
)

_SESSION_ROWS: tuple[Parameter, ...] = (*SESSION_NUMBERS, *SESSION_OPTIONS)
_PAD_ROWS: tuple[Parameter, ...] = (*PAD_NUMBERS.values(), *PAD_OPTIONS)
_ALL = (
    *_PRESSES,
    *(Target(row.target, row.title, "value") for row in _SESSION_ROWS),
    *(Target(row.target, row.title, "value", for_pad=True) for row in _PAD_ROWS),
)

TARGETS = {target.name: target for target in _ALL}
