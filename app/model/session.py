"""Session: the state that the window shows: kit, settings, engine, devices. Main thread only."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, Protocol, TypeVar, overload

from app.audio.devices.state import AudioState, MeasuredTrip
from app.audio.mixer.clock import BEATS_PER_BAR, Quantum
from app.model.event import Event
from app.model.kit import PADS, Kit, Pad
from app.model.panel import LengthUnit, PanelSettings, RecordFrom
from app.model.parameters import TEMPO, RecordStart
from engine.api import EMBEDDED, LONGEST_S
from engine.errors import PlayerError

NoticeKind = Literal["info", "warning", "error"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence for the player; `kind` gives its colour."""

    text: str
    kind: NoticeKind = "info"


@dataclass(frozen=True, slots=True)
class EngineState:
    """State of the engine."""

    text: str = "The engine is starting."
    ready: bool = False
    failed: bool = False
    """Whether the engine cannot work, as opposed to not yet; `text` says why."""
    model: str = EMBEDDED
    device: str = ""
    """The device that generates, as the engine reports it; "" before it is ready."""
    loading: str = ""
    """The model that is being loaded; "" when there is none."""
    last_ms: float | None = None
    """Measured time of the last generation, prompt to samples."""


class MidiStatus(Protocol):
    """The state of MIDI that the window shows (app.midi.ports.inputs.MidiState is one)."""

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the open inputs."""
        ...

    @property
    def message(self) -> str:
        """What is wrong and what to do, or ""."""
        ...

    @property
    def dropped(self) -> int:
        """Messages that were lost since the start."""
        ...


class Setting(Generic[Value]):
    """Descriptor of a field of `Session.panel`: setting another value emits `settings_changed`."""

    def __set_name__(self, owner: type[Session], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, session: None, owner: type[Session]) -> Setting[Value]: ...
    @overload
    def __get__(self, session: Session, owner: type[Session]) -> Value: ...
    def __get__(self, session: Session | None, owner: type[Session]) -> Value | Setting[Value]:
        if session is None:
            return self
        value: Value = getattr(session.panel, self._name)
        return value

    def __set__(self, session: Session, value: Value) -> None:
        change: dict[str, Any] = {self._name: value}
        session.set_panel(replace(session.panel, **change))


class Session:
    """The state that the window shows and edits. Widgets read it, listen to its events and write
    the panel's fields (documented in app.model.panel); everything else is changed by actions.
    """

    prompt = Setting[str]()
    seconds = Setting[float]()
    length_unit = Setting[LengthUnit]()
    bars = Setting[int]()
    bpm = Setting[float]()
    strength = Setting[float]()
    hear_recordings = Setting[bool]()
    record_from = Setting[RecordFrom]()
    record_start = Setting[RecordStart]()
    record_bars = Setting[int]()
    record_threshold_db = Setting[float]()
    count_in = Setting[bool]()
    metronome = Setting[bool]()
    note_repeat = Setting[float]()
    sixteen_notes = Setting[bool]()
    full_level = Setting[bool]()
    swap_at = Setting[Quantum]()
    play_at_once = Setting[bool]()
    steps = Setting[int]()
    seed = Setting[int | None]()
    master_gain_db = Setting[float]()
    output = Setting[str | None]()
    input = Setting[str | None]()
    input_channels = Setting[str]()
    block_frames = Setting[int]()
    rate = Setting[int]()
    exclusive = Setting[bool]()
    round_trips = Setting[tuple[MeasuredTrip, ...]]()

    def __init__(self, kit: Kit | None = None) -> None:
        self.kit = kit or Kit()
        self.panel = PanelSettings()
        """All settings that are not a pad's."""
        self.settings_changed: Event[()] = Event()
        self.selection_changed: Event[()] = Event()
        self.engine_changed: Event[()] = Event()
        self.devices_changed: Event[()] = Event()
        self.recording_changed: Event[()] = Event()
        self.notice: Event[Notice] = Event()
        self.engine = EngineState()
        self.vocabulary: frozenset[str] = frozenset()
        """Words the model has seen; empty while unknown (then none is marked as unknown)."""
        self.audio: AudioState | None = None
        self.midi: MidiStatus | None = None
        self.recording = False
        self.master_recording = False
        """Whether the master output is being recorded to a file."""
        self._selected = 0

    # --- selection ---

    @property
    def selected(self) -> int:
        """Index of the pad that the prompt and Record act on."""
        return self._selected

    @property
    def selected_pad(self) -> Pad:
        """The pad that the prompt and Record act on."""
        return self.kit.pads[self._selected]

    def select(self, index: int) -> None:
        """Select a pad, 0..15."""
        if not 0 <= index < PADS:
            raise IndexError(f"pad must be 0..{PADS - 1}, got {index}")
        if index != self._selected:
            self._selected = index
            self.selection_changed.emit()

    # --- changed by actions and bootstrap ---

    def set_panel(self, panel: PanelSettings) -> None:
        """Replace all settings that are not a pad's."""
        if panel != self.panel:
            self.panel = panel
            self.settings_changed.emit()

    def notify(self, text: str, kind: NoticeKind = "info") -> None:
        """Show a sentence to the player."""
        self.notice.emit(Notice(text, kind))

    def refuse_locked(self, pad: Pad) -> bool:
        """Return whether a pad is locked, and notify the player if it is."""
        if pad.locked:
            self.notify(f"Pad {pad.index + 1} is locked; unlock it first.", "warning")
        return pad.locked

    def set_engine(self, engine: EngineState, vocabulary: frozenset[str] | None = None) -> None:
        """Set the state of the engine."""
        self.engine = engine
        if vocabulary is not None:
            self.vocabulary = vocabulary
        self.engine_changed.emit()

    def set_audio(self, audio: AudioState) -> None:
        """Set the state of the sound devices."""
        self.audio = audio
        self.devices_changed.emit()

    @property
    def hit_latency_s(self) -> float:
        """Seconds from a hit that happens now to its sound; 0 without an output. Any thread."""
        return 0.0 if self.audio is None else self.audio.hit_latency_s

    def set_midi(self, midi: MidiStatus) -> None:
        """Set the state of the MIDI inputs."""
        self.midi = midi
        self.devices_changed.emit()

    def set_recording(self, recording: bool) -> None:
        """Set whether a take is being recorded or waits to be."""
        if recording != self.recording:
            self.recording = recording
            self.recording_changed.emit()

    def set_master_recording(self, is_recording: bool) -> None:
        """Set whether the master output is being recorded to a file."""
        if is_recording != self.master_recording:
            self.master_recording = is_recording
            self.recording_changed.emit()

    # --- length ---

    def length_s(self) -> float:
        """Return the chosen length in seconds, whichever unit it is set in.

        Raises PlayerError for bars and tempo that the engine cannot generate.
        """
        return self.seconds if self.length_unit == "seconds" else bars_in_s(self.bars, self.bpm)


def bars_in_s(bars: int, bpm: float) -> float:
    """Return the length of bars of four beats at a tempo, in seconds.

    Raises PlayerError when tempo or bars are out of range, or the bars last longer than LONGEST_S.
    """
    if not (math.isfinite(bpm) and TEMPO.least <= bpm <= TEMPO.most):
        raise PlayerError(f"The tempo must be {TEMPO.least:g}..{TEMPO.most:g} bpm, got {bpm:g}.")
    if bars < 1:
        raise PlayerError(f"Bars must be 1 or more, got {bars}.")
    seconds = bars * BEATS_PER_BAR * 60 / bpm
    if seconds > LONGEST_S + 1e-9:
        fitting = int(LONGEST_S * bpm / (60 * BEATS_PER_BAR) + 1e-9)
        hint = "Use 1 bar" if fitting == 1 else f"Use {fitting} or fewer"
        raise PlayerError(
            f"{bars} bars last {seconds:.1f} s at {bpm:g} bpm, and a sound can last "
            f"{LONGEST_S:g} s. {hint}, or a faster tempo."
        )
    return min(seconds, LONGEST_S)
