"""What a MIDI message can do: the names a controller map is written in. Any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


_ALL = (
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
    Target("strength", "Strength", "value"),
    Target("steps", "Steps", "value"),
    Target("length", "Length", "value"),
    Target("tempo", "Tempo", "value"),
    Target("swap_at", "When loops swap", "value"),
    Target("record_start", "When a recording begins", "value"),
    Target("record_bars", "Bars of a recording", "value"),
    Target("note_repeat", "Note repeat", "value"),
    Target("master_gain", "Master level", "value"),
    Target("pad_level", "Level of a pad", "value", for_pad=True),
    Target("low_pass", "Low-pass of a pad", "value", for_pad=True),
    Target("high_pass", "High-pass of a pad", "value", for_pad=True),
    Target("pan", "Pan of a pad", "value", for_pad=True),
    Target("start", "Start of a pad's sound", "value", for_pad=True),
    Target("end", "End of a pad's sound", "value", for_pad=True),
    Target("tune", "Tune of a pad", "value", for_pad=True),
    Target("attack", "Attack of a pad", "value", for_pad=True),
    Target("decay", "Decay of a pad", "value", for_pad=True),
    Target("release", "Release of a pad", "value", for_pad=True),
    Target("velocity_curve", "Velocity curve of a pad", "value", for_pad=True),
    Target("play_mode", "Play mode of a pad", "value", for_pad=True),
    Target("choke_group", "Choke group of a pad", "value", for_pad=True),
    Target("loop_bars", "Length of a pad's loop", "value", for_pad=True),
    Target("layers", "What a hit of a pad plays", "value", for_pad=True),
)

TARGETS = {target.name: target for target in _ALL}
