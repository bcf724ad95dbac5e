"""PadParameters: how a pad's sound is played. Plain values, any thread."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Literal, TypeVar, get_args

PadMode = Literal["one_shot", "gate", "loop", "toggle"]
"""How a pad answers a hit.

one_shot: plays to the end of the sound; a release means nothing.
gate:     plays to the end of the sound or until released, whichever comes first.
loop:     repeats without a gap until it is stopped (`stop`, `stop_all`, its choke group) or hit
          again, which restarts it on that hit's frame; a release means nothing.
toggle:   repeats as a loop; the next hit ends it.

In every mode but toggle a new hit of a pad fades out what that pad still plays.
"""
LayerSelection = Literal["single", "round_robin", "velocity"]
"""Which of its sounds a pad plays: the first; each in turn; or by velocity, the softest first."""

PAD_MODES: tuple[PadMode, ...] = get_args(PadMode)
LAYER_SELECTIONS: tuple[LayerSelection, ...] = get_args(LayerSelection)

LOOP_BARS = (0, 1, 2, 4, 8)
SHORTEST_REGION = 0.001
LOWEST_HZ, HIGHEST_HZ = 20.0, 20_000.0

Real = TypeVar("Real", int, float)


def _within(least: Real, most: Real, default: Real) -> Real:
    """Declare a number with its range."""
    number: Real = field(default=default, metadata={"range": (least, most)})
    return number


@dataclass(frozen=True, slots=True)
class PadParameters:
    """How a pad plays. Numbers outside their range raise ValueError."""

    mode: PadMode = "one_shot"
    gain_db: float = _within(-60.0, 12.0, 0.0)
    choke_group: int = _within(0, 8, 0)
    """1..8: a hit ends the other pads of its group; 0 = none."""
    pan: float = _within(-1.0, 1.0, 0.0)
    """-1 left..1 right; the centre leaves both channels unchanged."""
    tune: float = _within(-24.0, 24.0, 0.0)
    """Semitones: up is faster and shorter."""
    start: float = _within(0.0, 1.0 - SHORTEST_REGION, 0.0)
    """Start of the region as a fraction of the sound, so that it fits every take."""
    end: float = _within(SHORTEST_REGION, 1.0, 1.0)
    """After `start`."""
    reverse: bool = False
    attack_s: float = _within(0.0, 5.0, 0.0)
    """Linear fade-in."""
    decay_s: float = _within(0.0, 10.0, 0.0)
    """Time to decay by 60 dB after the attack; 0 = no decay."""
    release_s: float = _within(0.005, 10.0, 0.005)
    """Fade-out when released (gate) or ended by a hit (toggle)."""
    low_pass_hz: float = _within(LOWEST_HZ, HIGHEST_HZ, HIGHEST_HZ)
    """12 dB/octave; 20000 = off."""
    high_pass_hz: float = _within(LOWEST_HZ, HIGHEST_HZ, LOWEST_HZ)
    """12 dB/octave; 20 = off."""
    velocity_curve: float = _within(0.0, 4.0, 2.0)
    """The gain is velocity to this power. 0 = always full level; 2, as in SFZ players: half the
    velocity is 12 dB softer."""
    layers: LayerSelection = "single"
    loop_bars: int = 0
    """1, 2, 4 or 8: a loop or toggle waits for the next bar and restarts every so many bars,
    however long its sound is; 0 = it repeats at its own length."""

    @property
    def loops(self) -> bool:
        """Whether the pad plays until it is stopped."""
        return self.mode in ("loop", "toggle")

    def __post_init__(self) -> None:
        """Raise ValueError for values out of range."""
        _check_choice("mode", self.mode, PAD_MODES)
        _check_choice("layers", self.layers, LAYER_SELECTIONS)
        if self.loop_bars not in LOOP_BARS:
            raise ValueError(f"loop_bars must be one of {LOOP_BARS}, got {self.loop_bars}")
        for name, (least, most) in RANGES.items():
            _check(name, getattr(self, name), least, most)
        if self.end - self.start < SHORTEST_REGION * 0.999:
            raise ValueError(f"end must be after start {self.start:g}, got {self.end:g}")


def _check(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise ValueError(f"{name} must be {least:g}..{most:g}, got {value}")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


RANGES: dict[str, tuple[float, float]] = {
    number.name: number.metadata["range"] for number in fields(PadParameters) if number.metadata
}
"""The ends of every field of PadParameters that is a number."""

DEFAULT_PARAMETERS = PadParameters()
"""How a new pad plays."""
