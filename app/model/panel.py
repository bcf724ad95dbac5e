"""The panel: all that a player sets beside the pads, as one value. Any thread.

A new setting is a field here and a line in Session that gives it its name there; it is then saved
and restored with the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Literal, Self

from app.audio.devices.state import MeasuredTrip
from app.audio.mixer.clock import Quantum
from app.model.parameters import (
    LENGTH_BARS,
    LENGTH_S,
    MASTER_GAIN,
    NOTE_REPEAT,
    RECORD_LENGTH,
    RECORD_THRESHOLD,
    STRENGTH,
    TEMPO,
    RecordStart,
)

LengthUnit = Literal["seconds", "bars"]
RecordFrom = Literal["input", "played"]
BLOCKS = (0, 32, 64, 128, 256, 512, 1024)
"""Frames in a block, to choose from; 0 leaves it to the device."""
RATES = (0, 44_100, 48_000, 88_200, 96_000)
"""Hz, to choose from; 0 is the usual one."""

_NOT_SAVED = {"saved": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSettings:
    """What stands on the panel; it is saved but where `saved` says otherwise."""

    prompt: str = ""
    seconds: float = LENGTH_S.default
    length_unit: LengthUnit = "seconds"
    bars: int = int(LENGTH_BARS.default)
    bpm: float = TEMPO.default
    strength: float = STRENGTH.default
    """How much noise a source recording gets; 1 ignores it."""
    hear_recordings: bool = True
    """Whether what was made of a recording plays as soon as it is there."""
    record_from: RecordFrom = "input"
    """Whether recordings are of the input or of what is played."""
    record_start: RecordStart = "now"
    """When a recording begins; one that begins on a beat or bar ends on one, too."""
    record_bars: int = 0
    """How long a recording lasts; 0: until it is ended."""
    record_threshold_db: float = RECORD_THRESHOLD.default
    """How loud a sound must be to begin a recording that waits for one."""
    count_in: bool = False
    """Whether four clicks come before a recording that begins on a beat."""
    metronome: bool = field(default=False, metadata=_NOT_SAVED)
    note_repeat: float = field(default=NOTE_REPEAT.values[0], metadata=_NOT_SAVED)
    """Beats between the hits of a held pad; 0 = one hit only."""
    sixteen_notes: bool = field(default=False, metadata=_NOT_SAVED)
    """The pads play sixteen notes of the selected one."""
    full_level: bool = field(default=False, metadata=_NOT_SAVED)
    """Every hit is as loud as can be, by mouse or MIDI."""
    swap_at: Quantum = "now"
    """When a running loop crosses over to its pad's new sound."""
    play_at_once: bool = False
    """Hits sound as soon as they can; else each as long after it happened, so that they keep
    their distances."""
    steps: int = 8
    seed: int | None = None
    """None: the engine draws one, and the take keeps it."""
    master_gain_db: float = MASTER_GAIN.default
    """The level of everything."""
    output: str | None = None
    """Name of the sound output the player chose; None: the best there is."""
    input: str | None = None
    """Name of the sound input the player chose; None: the best there is."""
    input_channels: str = ""
    """Which channels of the input are recorded, "3" or "3+4"; "": the first two."""
    block_frames: int = 0
    """Frames in a block; 0: as the device likes."""
    rate: int = 0
    """Hz; 0: the usual rate, or the device's own."""
    exclusive: bool = False
    """The devices are to be Pingpad's alone, where the system can do that."""
    round_trips: tuple[MeasuredTrip, ...] = ()
    """What the loopback wizard measured, with which devices, the newest last."""

    def clamp(self) -> Self:
        """Return it with what a file may hold and no control offers set right."""
        return replace(
            self,
            record_bars=self.record_bars if self.record_bars in RECORD_LENGTH.values else 0,
            record_threshold_db=RECORD_THRESHOLD.clamp(self.record_threshold_db),
            master_gain_db=MASTER_GAIN.clamp(self.master_gain_db),
            block_frames=self.block_frames if self.block_frames in BLOCKS else 0,
            rate=self.rate if self.rate in RATES else 0,
        )


NOT_SAVED = frozenset(
    setting.name for setting in fields(PanelSettings) if not setting.metadata.get("saved", True)
)
"""What every start begins anew with."""


def panel_of(settings: PanelSettings) -> PanelSettings:
    """Return the panel alone of settings that hold more."""
    return PanelSettings(
        **{setting.name: getattr(settings, setting.name) for setting in fields(PanelSettings)}
    )
