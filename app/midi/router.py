"""PadRouter: from MIDI bytes to the mixer, or to what the main thread does with them.

Its `receive` runs on the MIDI thread: no Qt, no log, no raise. Pads and silence go straight to the
mixer; everything else is asked of the main thread, which hears of it by `wake`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Protocol

from app.midi.messages.controller_map import Binding, Source, known_name
from app.midi.messages.messages import (
    BANK,
    CONTROL,
    FINE_BANK,
    NOTE_OFF,
    NOTE_ON,
    PRESSURE,
    PROGRAM,
    Clock,
    Control,
    Message,
    NoteOff,
    NoteOn,
    Pressure,
    Program,
    ResetControllers,
    Silence,
    SongPosition,
    parse,
)
from app.midi.messages.pad_map import PADS
from app.midi.messages.rules import PortRules, Rules
from app.midi.messages.targets import Kind
from app.midi.ports.system import CLIENT_NAME

MOST_HEARD = 256
"""Events kept for the log."""
MOST_WISHES = 1024
"""What may wait for the main thread: more presses than hands make while it is stuck."""
DOWN = 64
"""MIDI 1.0: a switch is on from this value up."""


class PadPlayer(Protocol):
    """What MIDI needs of the mixer; every call returns at once."""

    @property
    def keys(self) -> range:
        """What may be hit: sixteen pads, or all notes of one, counted from pad 1's."""
        ...

    def hit(self, pad: int, velocity: float = 1.0, time_s: float | None = None) -> None:
        """Play a pad, velocity 0..1, that was hit at `time_s` (time.perf_counter)."""
        ...

    def release(self, pad: int, time_s: float | None = None) -> None:
        """Let go of a pad, at `time_s`."""
        ...

    def stop_all(self) -> None:
        """Silence."""
        ...


class ClockListener(Protocol):
    """Who follows a MIDI clock; called on the MIDI thread."""

    def receive(self, message: Clock | SongPosition, time_s: float, port: str) -> str:
        """Take in a message, `time_s` by time.perf_counter; return what it did."""
        ...


@dataclass(frozen=True, slots=True)
class MidiCounts:
    """What came in so far."""

    hits: int
    other: int
    """Whole messages that play no pad."""
    ignored: int
    """Running status, system exclusive, cut off, garbage."""


@dataclass(slots=True)
class Heard:
    """One event for the log; `did` is written once what it asked for is done."""

    time_s: float
    port: str
    data: bytes
    did: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Something for the main thread to do."""

    binding: Binding
    value: float
    """0..1: a knob's place; of a press 1; of a hold 1 while it lasts and 0 at its end."""
    pad: int | None
    """0..15; None is the selected one."""
    heard: Heard
    way: tuple[float, ...] = ()
    """The lowest and the highest place of a knob on its way here, when others were overtaken."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Every knob counts as untouched."""


@dataclass(frozen=True, slots=True)
class Caught:
    """What a player touched while learning."""

    source: Source
    port: str
    note: int | None
    """The note, where it was one."""
    heard: Heard


Wish = Asked | Reset | Caught


class PadRouter:
    """Looks a message up and does it, or asks for it; leaves a note for lights and log."""

    def __init__(
        self,
        mixer: PadPlayer,
        on_hit: Callable[[int, float], None],
        wake: Callable[[], None] = lambda: None,
        clock: ClockListener | None = None,
    ) -> None:
        """`wake` is called on the MIDI thread when there is something in `take_wishes`."""
        self._mixer = mixer
        self._on_hit = on_hit
        self._wake = wake
        self._clock = clock
        self._rules = Rules()
        self._ports: dict[str, PortRules] = {}
        self._held: dict[tuple[str, int, int], int | Binding] = {}
        self._switches: dict[tuple[str, int, int], bool] = {}
        self._banks: dict[tuple[str, int, int], int] = {}
        self._hits = self._other = self._ignored = 0
        self._wishes: deque[Wish] = deque(maxlen=MOST_WISHES)
        self._awake = False
        self._heard: deque[Heard] = deque(maxlen=MOST_HEARD)
        self._events = 0
        self._learning: frozenset[Kind] = frozenset()
        self.last_pad: int | None = None
        """The pad hit last; None after the player selected one by other means."""

    # --- main thread ---

    def use(self, rules: Rules) -> None:
        """Work by other rules from the next message on; what is held is still let go rightly."""
        self._rules, self._ports = rules, {}

    def learn(self, *kinds: Kind) -> None:
        """Catch the next message that could do something of these kinds; none ends it."""
        self._learning = frozenset(kinds)

    def take_wishes(self) -> tuple[Wish, ...]:
        """Return what was asked since the last call, oldest first."""
        self._awake = False
        wishes: list[Wish] = []
        while self._wishes:
            wishes.append(self._wishes.popleft())
        return tuple(wishes)

    # --- any thread ---

    def counts(self) -> MidiCounts:
        """Return the counts."""
        return MidiCounts(self._hits, self._other, self._ignored)

    @property
    def events(self) -> int:
        """How many events came in so far, ticks of a clock not counted: for the activity light."""
        return self._events

    def heard(self) -> tuple[Heard, ...]:
        """Return the last events, oldest first."""
        return tuple(self._heard.copy())

    # --- MIDI thread ---

    def receive(self, data: bytes, time_s: float, port: str) -> None:
        """Take in one message; `time_s` is when it was polled (time.perf_counter)."""
        message = parse(data)
        if isinstance(message, Clock) and message.kind == "tick":
            if self._clock is not None:
                self._clock.receive(message, time_s, port)
            return
        heard = Heard(time_s, port, data, "nothing")
        if message is None:
            self._ignored += 1
            heard.did = "not understood"
        elif not self._catch(message, heard):
            # What is asked for writes its own word: the main thread may be done before we are.
            did = self._do(message, heard)
            if did:
                heard.did = did
        self._heard.append(heard)
        self._events += 1

    def keep_ports(self, ports: Collection[str]) -> None:
        """Let go of all that is held on ports that are not there any more; never our own."""
        for place in [place for place in self._held if place[0] not in (*ports, CLIENT_NAME)]:
            port, channel, number = place
            data = bytes([NOTE_OFF | channel, number, 0])
            gone = Heard(time.perf_counter(), port, data, "nothing")
            gone.did = self._let_go(NoteOff(number, channel), gone) or gone.did
            self._heard.append(gone)

    def _do(self, message: Message, heard: Heard) -> str:
        match message:
            case Clock() | SongPosition():
                return "" if self._clock is None else self._follow(self._clock, message, heard)
            case Silence() | ResetControllers():
                return self._panic(message)
            case NoteOff():
                return self._let_go(message, heard)
            case NoteOn() | Control() | Program() | Pressure():
                if isinstance(message, Control) and message.number in (BANK, FINE_BANK):
                    self._banks[heard.port, message.channel, message.number] = message.value
                if self._rules.channel not in (None, message.channel):
                    self._other += 1
                    return "another channel"
                return self._look_up(message, heard)
        self._other += 1
        return ""

    def _panic(self, message: Silence | ResetControllers) -> str:
        if isinstance(message, Silence):
            self._mixer.stop_all()
            return "silence"
        self._switches.clear()
        self._ask(Reset())
        return "all controls count as untouched"

    def _follow(self, clock: ClockListener, message: Clock | SongPosition, heard: Heard) -> str:
        return clock.receive(message, heard.time_s, heard.port)

    def _look_up(self, message: NoteOn | Control | Program | Pressure, heard: Heard) -> str:
        rules = self._rules_of(heard.port)
        kind, number, value = _parts(message)
        bank = self._bank(heard.port, message.channel) if isinstance(message, Program) else 0
        binding = rules.find(kind, number, message.channel, bank)
        if binding is not None:
            return self._use(binding, message, value, heard)
        key = rules.key(number) if isinstance(message, NoteOn) else None
        if key is None or key not in self._mixer.keys:
            self._other += 1
            return ""
        self._held[heard.port, message.channel, number] = key
        return self._hit(key, value / 127, heard)

    def _bank(self, port: str, channel: int) -> int:
        """Return the bank that was chosen last."""
        coarse, fine = (self._banks.get((port, channel, part), 0) for part in (BANK, FINE_BANK))
        return 128 * coarse + fine

    def _rules_of(self, port: str) -> PortRules:
        found = self._ports.get(port)
        if found is None:
            found = self._ports[port] = self._rules.for_port(port)
        return found

    def _hit(self, key: int, velocity: float, heard: Heard) -> str:
        self._mixer.hit(key, velocity, heard.time_s)
        self._hits += 1
        if key not in range(PADS):
            return f"played {key:+d} semitones"
        self.last_pad = key
        self._on_hit(key, velocity)
        return f"hit pad {key + 1}"

    def _let_go(self, message: NoteOff, heard: Heard) -> str:
        held = self._held.pop((heard.port, message.channel, message.note), None)
        if isinstance(held, Binding):
            return self._end(held, heard)
        if held is None:
            return ""
        self._mixer.release(held, heard.time_s)
        return f"let go of pad {held + 1}" if held in range(PADS) else f"let go of {held:+d}"

    def _use(
        self,
        binding: Binding,
        message: NoteOn | Control | Program | Pressure,
        value: int,
        heard: Heard,
    ) -> str:
        if binding.target.kind == "value":
            return self._wish(binding, value / 127, heard)
        if isinstance(message, Control):
            place = (heard.port, message.channel, message.number)
            was_down, down = self._switches.get(place, False), value >= DOWN
            self._switches[place] = down
            if down == was_down:
                return ""
            if not down:
                return self._end(binding, heard)
        elif isinstance(message, NoteOn):
            self._held[heard.port, message.channel, message.note] = binding
        return self._begin(binding, value / 127, heard)

    def _begin(self, binding: Binding, velocity: float, heard: Heard) -> str:
        if binding.target.name == "hit" and binding.pad is not None:
            return self._hit(binding.pad, velocity, heard)
        if binding.target.name == "stop":
            self._mixer.stop_all()
            return "silence"
        return self._wish(binding, 1.0, heard)

    def _end(self, binding: Binding, heard: Heard) -> str:
        if binding.target.name == "hit" and binding.pad is not None:
            self._mixer.release(binding.pad, heard.time_s)
            return f"let go of pad {binding.pad + 1}"
        return self._wish(binding, 0.0, heard) if binding.target.kind == "hold" else ""

    def _wish(self, binding: Binding, value: float, heard: Heard) -> str:
        pad = None
        if binding.target.for_pad:
            pad = self.last_pad if binding.pad is None else binding.pad
        heard.did = binding.target.title
        self._ask(Asked(binding, value, pad, heard))
        return ""

    def _ask(self, wish: Wish) -> None:
        if not self._overtakes(wish):
            self._wishes.append(wish)
        # One wake-up stands for all that is asked until it is answered: a knob cannot flood.
        if not self._awake:
            self._awake = True
            self._wake()

    def _overtakes(self, wish: Wish) -> bool:
        """Put a knob's newer place where its older one still waits; false when none does."""
        try:
            last = self._wishes[-1]
            if not (isinstance(wish, Asked) and isinstance(last, Asked)):
                return False
            if wish.binding is not last.binding or wish.binding.target.kind != "value":
                return False
            last.heard.did = "overtaken by the next one"
            # A knob that passed its value on the way has taken over, however busy we are.
            places = (wish.value, last.value, *last.way)
            self._wishes[-1] = replace(wish, way=(min(places), max(places)))
        except IndexError:  # the main thread has just taken it
            return False
        return True

    def _catch(self, message: Message, heard: Heard) -> bool:
        learning = self._learning
        if not learning or not isinstance(message, NoteOn | Control | Program | Pressure):
            return False
        if isinstance(message, Control | Pressure) and "value" in learning:
            fits = True
        elif isinstance(message, Control):
            fits = message.value >= DOWN and bool(learning & {"press", "hold"})
        elif isinstance(message, NoteOn):
            fits = bool(learning & {"press", "hold", "pad"})
        else:
            fits = isinstance(message, Program) and "press" in learning
        if not fits:
            return False
        kind, number, _ = _parts(message)
        note = message.note if isinstance(message, NoteOn) else None
        if "pad" not in learning:
            self._learning = frozenset()
        heard.did = "learnt"
        bank = self._bank(heard.port, message.channel) if isinstance(message, Program) else 0
        source = Source(kind, number, bank=bank or None)
        self._ask(Caught(source, known_name(heard.port), note, heard))
        return True


def _parts(message: NoteOn | Control | Program | Pressure) -> tuple[int, int, int]:
    match message:
        case NoteOn():
            return NOTE_ON, message.note, message.velocity
        case Control():
            return CONTROL, message.number, message.value
        case Program():
            return PROGRAM, message.number, 127
        case _:
            return PRESSURE, 0, message.value
