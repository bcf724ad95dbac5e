"""PadRouter: routes MIDI messages to the pads or to actions that the main thread runs.

`receive` runs on the MIDI thread: no Qt, no logging, no exceptions. Hits and stops go straight to
app.audio.mixer.keyboard.Keyboard, which finds their frame; everything else is queued for the main
thread, which is notified by `wake`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from app.midi.clock.receiver import ClockReceiver
from app.midi.messages.controller_map import Binding, Source, strip_alsa_number
from app.midi.messages.mapping import MidiMapping, PortMapping
from app.midi.messages.message import (
    BANK_LSB,
    BANK_MSB,
    CHANNEL_PRESSURE,
    CONTROL_CHANGE,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM_CHANGE,
    Aftertouch,
    ClockMessage,
    ControlChange,
    Message,
    NoteOff,
    NoteOn,
    Panic,
    ProgramChange,
    ResetControllers,
    SongPosition,
    parse,
)
from app.midi.messages.targets import TargetKind
from app.midi.pad_player import PadPlayer
from app.midi.ports.system import CLIENT_NAME
from app.model.kit import PADS

MAX_EVENTS = 256
"""Events kept for the event log."""
MAX_ACTIONS = 1024
"""Actions that may be queued for the main thread: more than hands press while it is blocked."""
SWITCH_ON = 64
"""MIDI 1.0: a switch is on from this value up."""

BoundMessage = NoteOn | ControlChange | ProgramChange | Aftertouch
"""What a controller map can bind."""


@dataclass(frozen=True, slots=True)
class MidiCounts:
    """Messages received so far."""

    hits: int
    other: int
    """Valid messages that did not play a pad."""
    ignored: int
    """Running status, system exclusive, incomplete messages, garbage."""


@dataclass(slots=True)
class LoggedEvent:
    """One event of the log; `outcome` is updated once its action has run."""

    time_s: float
    port: str
    data: bytes
    outcome: str


@dataclass(frozen=True, slots=True)
class TargetAction:
    """A target for the main thread to trigger or set."""

    binding: Binding
    value: float
    """0..1: a knob's position; 1 for a press; for a hold 1 at its start and 0 at its end."""
    pad: int | None
    """0..15; None is the selected one."""
    event: LoggedEvent
    sweep: tuple[float, ...] = ()
    """The knob's lowest and highest position among the older actions merged into this one."""


@dataclass(frozen=True, slots=True)
class ControllerReset:
    """All controllers were reset: every control counts as untouched."""


@dataclass(frozen=True, slots=True)
class CapturedControl:
    """The control that a player touched while learning."""

    source: Source
    port: str
    note: int | None
    """The note, if the control is a key or pad."""
    event: LoggedEvent


MidiAction = TargetAction | ControllerReset | CapturedControl


class PadRouter:
    """Plays a message's pad or queues its action; reports hits for the lights and logs events."""

    def __init__(
        self,
        player: PadPlayer,
        on_hit: Callable[[int, float], None],
        wake: Callable[[], None] = lambda: None,
        clock: ClockReceiver | None = None,
    ) -> None:
        """`wake` is called on the MIDI thread when `take_actions` has something to return."""
        self._player = player
        self._on_hit = on_hit
        self._wake = wake
        self._clock = clock
        self._mapping = MidiMapping()
        self._ports: dict[str, PortMapping] = {}
        self._held: dict[tuple[str, int, int], int | Binding] = {}
        """By port, channel and note: the key or the binding that is held down."""
        self._switches: dict[tuple[str, int, int], bool] = {}
        self._banks: dict[tuple[str, int, int], int] = {}
        self._hits = self._other = self._ignored = 0
        self._actions: deque[MidiAction] = deque(maxlen=MAX_ACTIONS)
        self._wake_pending = False
        self._events: deque[LoggedEvent] = deque(maxlen=MAX_EVENTS)
        self._event_count = 0
        self._learning: frozenset[TargetKind] = frozenset()
        self.last_pad: int | None = None
        """The pad hit last; None after the player has selected a pad by other means."""

    # --- main thread ---

    def set_mapping(self, mapping: MidiMapping) -> None:
        """Use another mapping from the next message on; held notes are still released."""
        self._mapping, self._ports = mapping, {}

    def learn(self, *kinds: TargetKind) -> None:
        """Capture the next message that fits one of these kinds; no kinds ends learning."""
        self._learning = frozenset(kinds)

    def take_actions(self) -> tuple[MidiAction, ...]:
        """Return the actions queued since the last call, oldest first."""
        self._wake_pending = False
        actions: list[MidiAction] = []
        while self._actions:
            actions.append(self._actions.popleft())
        return tuple(actions)

    # --- any thread ---

    def counts(self) -> MidiCounts:
        """Return the counts."""
        return MidiCounts(self._hits, self._other, self._ignored)

    @property
    def event_count(self) -> int:
        """Events so far, without clock ticks: for the activity light."""
        return self._event_count

    def recent_events(self) -> tuple[LoggedEvent, ...]:
        """Return the last events, oldest first."""
        return tuple(self._events.copy())

    # --- MIDI thread ---

    def receive(self, data: bytes, time_s: float, port: str) -> None:
        """Handle one message that was polled at `time_s` (time.perf_counter)."""
        message = parse(data)
        if isinstance(message, ClockMessage) and message.kind == "tick":
            if self._clock is not None:
                self._clock.receive(message, time_s, port)
            return
        event = LoggedEvent(time_s, port, data, "nothing")
        if message is None:
            self._ignored += 1
            event.outcome = "not understood"
        elif not self._capture(message, event):
            # A queued action sets its own outcome: the main thread may already have run it.
            outcome = self._handle(message, event)
            if outcome:
                event.outcome = outcome
        self._events.append(event)
        self._event_count += 1

    def release_missing_ports(self, ports: Collection[str]) -> None:
        """Release the held notes of ports that are gone; Pingpad's virtual port is never gone."""
        for held in [held for held in self._held if held[0] not in (*ports, CLIENT_NAME)]:
            port, channel, number = held
            data = bytes([NOTE_OFF | channel, number, 0])
            event = LoggedEvent(time.perf_counter(), port, data, "nothing")
            event.outcome = self._note_off(NoteOff(number, channel), event) or event.outcome
            self._events.append(event)

    def _handle(self, message: Message, event: LoggedEvent) -> str:
        match message:
            case ClockMessage() | SongPosition():
                clock = self._clock
                return clock.receive(message, event.time_s, event.port) if clock else ""
            case Panic() | ResetControllers():
                return self._panic(message)
            case NoteOff():
                return self._note_off(message, event)
            case NoteOn() | ControlChange() | ProgramChange() | Aftertouch():
                if isinstance(message, ControlChange) and message.number in (BANK_MSB, BANK_LSB):
                    self._banks[event.port, message.channel, message.number] = message.value
                if self._mapping.channel not in (None, message.channel):
                    self._other += 1
                    return "another channel"
                return self._dispatch(message, event)
        self._other += 1
        return ""

    def _panic(self, message: Panic | ResetControllers) -> str:
        if isinstance(message, Panic):
            self._player.stop_all()
            return "silence"
        self._switches.clear()
        self._enqueue(ControllerReset())
        return "all controls count as untouched"

    def _dispatch(self, message: BoundMessage, event: LoggedEvent) -> str:
        mapping = self._get_mapping(event.port)
        kind, number, value = _split(message)
        bank = (
            self._find_bank(event.port, message.channel)
            if isinstance(message, ProgramChange)
            else 0
        )
        binding = mapping.find_binding(kind, number, message.channel, bank)
        if binding is not None:
            return self._apply(binding, message, value, event)
        key = mapping.find_key(number) if isinstance(message, NoteOn) else None
        if key is None or key not in self._player.keys:
            self._other += 1
            return ""
        self._held[event.port, message.channel, number] = key
        return self._hit(key, value / 127, event)

    def _find_bank(self, port: str, channel: int) -> int:
        msb, lsb = (self._banks.get((port, channel, part), 0) for part in (BANK_MSB, BANK_LSB))
        return 128 * msb + lsb

    def _get_mapping(self, port: str) -> PortMapping:
        found = self._ports.get(port)
        if found is None:
            found = self._ports[port] = self._mapping.compile_for(port)
        return found

    def _hit(self, key: int, velocity: float, event: LoggedEvent) -> str:
        self._player.hit(key, velocity, event.time_s)
        self._hits += 1
        if key not in range(PADS):
            return f"played {key:+d} semitones"
        self.last_pad = key
        self._on_hit(key, velocity)
        return f"hit pad {key + 1}"

    def _note_off(self, message: NoteOff, event: LoggedEvent) -> str:
        held = self._held.pop((event.port, message.channel, message.note), None)
        if isinstance(held, Binding):
            return self._release(held, event)
        if held is None:
            return ""
        self._player.release(held, event.time_s)
        return f"released pad {held + 1}" if held in range(PADS) else f"released {held:+d}"

    def _apply(
        self, binding: Binding, message: BoundMessage, value: int, event: LoggedEvent
    ) -> str:
        if binding.target.kind == "value":
            return self._request(binding, value / 127, event)
        if isinstance(message, ControlChange):
            switch = (event.port, message.channel, message.number)
            was_on, on = self._switches.get(switch, False), value >= SWITCH_ON
            self._switches[switch] = on
            if on == was_on:
                return ""
            if not on:
                return self._release(binding, event)
        elif isinstance(message, NoteOn):
            self._held[event.port, message.channel, message.note] = binding
        return self._press(binding, value / 127, event)

    def _press(self, binding: Binding, velocity: float, event: LoggedEvent) -> str:
        if binding.target.name == "hit" and binding.pad is not None:
            return self._hit(binding.pad, velocity, event)
        if binding.target.name == "stop":
            self._player.stop_all()
            return "silence"
        return self._request(binding, 1.0, event)

    def _release(self, binding: Binding, event: LoggedEvent) -> str:
        if binding.target.name == "hit" and binding.pad is not None:
            self._player.release(binding.pad, event.time_s)
            return f"released pad {binding.pad + 1}"
        return self._request(binding, 0.0, event) if binding.target.kind == "hold" else ""

    def _request(self, binding: Binding, value: float, event: LoggedEvent) -> str:
        """Queue an action; its outcome is the target's title until the main thread has run it."""
        pad = None
        if binding.target.for_pad:
            pad = self.last_pad if binding.pad is None else binding.pad
        event.outcome = binding.target.title
        self._enqueue(TargetAction(binding, value, pad, event))
        return ""

    def _enqueue(self, action: MidiAction) -> None:
        if not self._merge(action):
            self._actions.append(action)
        # One wake-up covers all actions until they are taken, so that a knob cannot flood.
        if not self._wake_pending:
            self._wake_pending = True
            self._wake()

    def _merge(self, action: MidiAction) -> bool:
        """Replace the last queued action if it is of the same knob; return whether it was."""
        try:
            last = self._actions[-1]
            if not (isinstance(action, TargetAction) and isinstance(last, TargetAction)):
                return False
            if action.binding is not last.binding or action.binding.target.kind != "value":
                return False
            last.event.outcome = "superseded by the next one"
            # For soft takeover: a knob that passed the value meanwhile has picked it up.
            positions = (action.value, last.value, *last.sweep)
            self._actions[-1] = replace(action, sweep=(min(positions), max(positions)))
        except IndexError:  # the main thread has just taken it
            return False
        return True

    def _capture(self, message: Message, event: LoggedEvent) -> bool:
        """Queue the control for MIDI learn; return whether the message was used for that."""
        learning = self._learning
        if not learning or not isinstance(message, BoundMessage):
            return False
        if not _can_learn(message, learning):
            return False
        kind, number, _ = _split(message)
        note = message.note if isinstance(message, NoteOn) else None
        if "pad" not in learning:
            self._learning = frozenset()
        event.outcome = "learnt"
        bank = (
            self._find_bank(event.port, message.channel)
            if isinstance(message, ProgramChange)
            else 0
        )
        source = Source(kind, number, bank=bank or None)
        self._enqueue(CapturedControl(source, strip_alsa_number(event.port), note, event))
        return True


def _can_learn(message: BoundMessage, kinds: frozenset[TargetKind]) -> bool:
    if isinstance(message, ControlChange | Aftertouch) and "value" in kinds:
        return True
    if isinstance(message, ControlChange):
        return message.value >= SWITCH_ON and bool(kinds & {"press", "hold"})
    if isinstance(message, NoteOn):
        return bool(kinds & {"press", "hold", "pad"})
    return isinstance(message, ProgramChange) and "press" in kinds


def _split(message: BoundMessage) -> tuple[int, int, int]:
    """Return kind, number and value."""
    match message:
        case NoteOn():
            return NOTE_ON, message.note, message.velocity
        case ControlChange():
            return CONTROL_CHANGE, message.number, message.value
        case ProgramChange():
            return PROGRAM_CHANGE, message.number, 127
        case _:
            return CHANNEL_PRESSURE, 0, message.value
