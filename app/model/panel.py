"""PanelSettings: all settings that are not a pad's, as one value. Any thread.

A new setting is a field here and a line in Session that declares it there; it is then saved and
restored with the others.
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
"""Choices of the block size in frames; 0 is the device's default."""
RATES = (0, 44_100, 48_000, 88_200, 96_000)
"""Choices of the sample rate in Hz; 0 is the default."""

_NOT_SAVED = {"saved": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSettings:
    """The settings; all are saved except those with the metadata `saved` False."""

    prompt: str = ""
    seconds: float = LENGTH_S.default
    length_unit: LengthUnit = "seconds"
    bars: int = int(LENGTH_BARS.default)
    bpm: float = TEMPO.default
    strength: float = STRENGTH.default
    """How much noise a source recording gets; 1 ignores it."""
    hear_recordings: bool = True
    """Whether a sound made from a recording plays as soon as it is ready."""
    record_from: RecordFrom = "input"
    """Whether to record the input or the output ("played")."""
    record_start: RecordStart = "now"
    """When a recording starts; one that starts on a beat or bar also ends on one."""
    record_bars: int = 0
    """Length of a recording in bars; 0: until it is ended."""
    record_threshold_db: float = RECORD_THRESHOLD.default
    """Level that starts a recording that waits for a sound."""
    count_in: bool = False
    """Whether four clicks precede a recording that starts on a beat."""
    metronome: bool = field(default=False, metadata=_NOT_SAVED)
    note_repeat: float = field(default=NOTE_REPEAT.values[0], metadata=_NOT_SAVED)
    """Beats between the hits of a held pad; 0 = one hit only."""
    sixteen_notes: bool = field(default=False, metadata=_NOT_SAVED)
    """Whether the pads play sixteen notes of the selected pad."""
    full_level: bool = field(default=False, metadata=_NOT_SAVED)
    """Whether every hit has full velocity, by mouse, keys or MIDI."""
    swap_at: Quantum = "now"
    """When a running loop crossfades to its pad's new sound."""
    play_at_once: bool = False
    """Whether hits start with the next block; else with a constant delay, which keeps the intervals
    between them."""
    steps: int = 8
    seed: int | None = None
    """None: the engine draws one, which is stored in the take's recipe."""
    master_gain_db: float = MASTER_GAIN.default
    """The master level."""
    output: str | None = None
    """Name of the chosen sound output; None: the best available."""
    input: str | None = None
    """Name of the chosen sound input; None: the best available."""
    input_channels: str = ""
    """Channels of the input to record, "3" or "3+4"; "": the first two."""
    block_frames: int = 0
    """Block size in frames; 0: the device's default."""
    rate: int = 0
    """Sample rate in Hz; 0: the default rate, or the device's own."""
    exclusive: bool = False
    """Whether to use the devices exclusively, where the system supports it."""
    round_trips: tuple[MeasuredTrip, ...] = ()
    """Measured round trips with their devices, the newest last."""

    def clamp(self) -> Self:
        """Return the settings with values that no control offers replaced by valid ones."""
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
"""Names of the settings that are reset to their defaults on every start."""


def panel_of(settings: PanelSettings) -> PanelSettings:
    """Return the PanelSettings part of a subclass's value."""
    return PanelSettings(
        **{setting.name: getattr(settings, setting.name) for setting in fields(PanelSettings)}
    )
