"""Session: all the window shows: kit, prompt panel, engine, devices, notices. Main thread only."""

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
    """What is known of the engine."""

    text: str = "The engine is starting."
    ready: bool = False
    failed: bool = False
    """It cannot work, as opposed to not yet; `text` says why."""
    model: str = EMBEDDED
    device: str = ""
    """The processor that generates, as the engine measured it; "" before it is ready."""
    loading: str = ""
    """The model that is to take over as soon as it is loaded; "" when there is none."""
    last_ms: float | None = None
    """Measured time of the last generation, prompt to samples."""


class MidiStatus(Protocol):
    """What the window shows of MIDI (app.midi.ports.inputs.MidiState is one)."""

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the open inputs."""
        ...

    @property
    def message(self) -> str:
        """What is wrong and what to do; "" when fine."""
        ...

    @property
    def dropped(self) -> int:
        """Messages that were lost since the start."""
        ...


class Setting(Generic[Value]):
    """A field of the panel by its own name: setting another value tells `settings_changed`."""

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
    """Everything a player sees and sets. Widgets read it, listen to its events and write the
    panel's fields (app.model.panel says what each means); the rest is changed by actions.
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
        """All that is set beside the pads."""
        self.settings_changed: Event[()] = Event()
        self.selection_changed: Event[()] = Event()
        self.engine_changed: Event[()] = Event()
        self.devices_changed: Event[()] = Event()
        self.recording_changed: Event[()] = Event()
        self.notice: Event[Notice] = Event()
        self.engine = EngineState()
        self.vocabulary: frozenset[str] = frozenset()
        """Words the model has seen; empty while unknown (then nothing is to be marked)."""
        self.audio: AudioState | None = None
        self.midi: MidiStatus | None = None
        self.recording = False
        self.master_recording = False
        """Whether all that is played is being written to a file."""
        self._selected = 0

    # --- selection ---

    @property
    def selected(self) -> int:
        """Index of the pad the prompt and Record work on."""
        return self._selected

    @property
    def selected_pad(self) -> Pad:
        """The pad the prompt and Record work on."""
        return self.kit.pads[self._selected]

    def select(self, index: int) -> None:
        """Select a pad, 0..15."""
        if not 0 <= index < PADS:
            raise IndexError(f"pad must be 0..{PADS - 1}, got {index}")
        if index != self._selected:
            self._selected = index
            self.selection_changed.emit()

    # --- what the actions and the bootstrap change ---

    def set_panel(self, panel: PanelSettings) -> None:
        """Set everything beside the pads."""
        if panel != self.panel:
            self.panel = panel
            self.settings_changed.emit()

    def notify(self, text: str, kind: NoticeKind = "info") -> None:
        """Show a sentence to the player."""
        self.notice.emit(Notice(text, kind))

    def refuse_locked(self, pad: Pad) -> bool:
        """Say whether a pad is locked and so keeps its sound; the player is told."""
        if pad.locked:
            self.notify(f"Pad {pad.index + 1} is locked; unlock it first.", "warning")
        return pad.locked

    def set_engine(self, engine: EngineState, vocabulary: frozenset[str] | None = None) -> None:
        """Show another state of the engine."""
        self.engine = engine
        if vocabulary is not None:
            self.vocabulary = vocabulary
        self.engine_changed.emit()

    def set_audio(self, audio: AudioState) -> None:
        """Show another state of the sound card."""
        self.audio = audio
        self.devices_changed.emit()

    @property
    def hit_latency_s(self) -> float:
        """Seconds from what happens now to its sound; 0 while there is no output. Any thread."""
        return 0.0 if self.audio is None else self.audio.hit_latency_s

    def set_midi(self, midi: MidiStatus) -> None:
        """Show another state of the MIDI inputs."""
        self.midi = midi
        self.devices_changed.emit()

    def set_recording(self, recording: bool) -> None:
        """Show whether a take is being recorded, or waits to be."""
        if recording != self.recording:
            self.recording = recording
            self.recording_changed.emit()

    def set_master_recording(self, is_recording: bool) -> None:
        """Show whether all that is played is being written to a file."""
        if is_recording != self.master_recording:
            self.master_recording = is_recording
            self.recording_changed.emit()

    # --- length ---

    def length_s(self) -> float:
        """Return the chosen length in seconds, whatever unit it was given in.

        Raises PlayerError when bars and tempo make no length the engine can do.
        """
        return self.seconds if self.length_unit == "seconds" else bars_in_s(self.bars, self.bpm)


def bars_in_s(bars: int, bpm: float) -> float:
    """Return the length of bars of four beats at a tempo, in seconds.

    Raises PlayerError when the tempo or the bars are no such thing, or last over 12 s.
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
