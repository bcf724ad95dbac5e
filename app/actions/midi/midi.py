"""Midi: all that a player does about MIDI, connected. Main thread only, but for the router."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.actions.midi.learn_midi import LearnMidi
from app.actions.midi.learn_pads import LearnPads
from app.actions.midi.midi_clock import BeatClock, MidiClock
from app.actions.midi.midi_controls import MidiControls, Playing
from app.actions.midi.midi_setup import MidiSetup
from app.actions.pads.hits import Hits
from app.midi.clock.clock_in import ClockIn
from app.midi.clock.clock_out import ClockOut
from app.midi.lights import Light, LightRules, Lights
from app.midi.ports.crash_guard import CrashGuard
from app.midi.ports.outputs import Sender
from app.midi.router import PadPlayer, PadRouter
from app.model.kit import Pad
from app.model.session import Session
from app.threads.file_writer import WritesFiles


class Sounding(PadPlayer, Protocol):
    """What MIDI needs of app.audio.mixer.mixer.Mixer: to play pads and to see which sound."""

    def playing(self, pad: int) -> float | None:
        """Return where the pad's voice is, None when it is silent; any thread."""
        ...


@dataclass(frozen=True, slots=True)
class Midi:
    """One object for each thing."""

    router: PadRouter
    setup: MidiSetup
    controls: MidiControls
    learn: LearnMidi
    learn_pads: LearnPads
    clock: MidiClock
    senders: tuple[Sender, ...]
    """What MIDI outputs are sent: lights, a clock."""

    def start_learning(self, name: str, kit: str = "") -> None:
        """Wait for a touch that is to do the target of this name; `kit` is what it opens."""
        self.learn_pads.cancel()
        self.learn.start(name, kit)

    def find_pads(self, *, every_pad: bool = False) -> None:
        """Ask for the lowest pad, or for all sixteen."""
        self.learn.cancel()
        self.learn_pads.start(every_pad=every_pad)

    def stop_learning(self) -> None:
        """Wait for nothing more."""
        self.learn.cancel()
        self.learn_pads.cancel()

    def look(self) -> None:
        """Follow a clock, end what was to be learnt and was not; a few times a second."""
        self.learn.look()
        self.learn_pads.look()
        self.clock.look()


@dataclass(frozen=True, slots=True)
class MidiRoom:
    """What MIDI works with: where sounds are played, where files lie, and who writes them."""

    mixer: Sounding
    hits: Hits
    config: Path
    writer: WritesFiles
    post: Callable[[Callable[[], None]], None]
    clock: BeatClock | None = None
    """Our beats, where the mixer keeps any."""


def build_midi(session: Session, playing: Playing, room: MidiRoom) -> Midi:
    """Connect everything; nothing is read or opened."""

    def answer() -> None:
        controls.answer()

    clock_in = ClockIn()
    router = PadRouter(room.mixer, room.hits.note, lambda: room.post(answer), clock_in)
    setup = MidiSetup(session, router, room.config, room.writer)
    learn = LearnMidi(session, setup, router)
    learn_pads = LearnPads(session, setup, router)
    controls = MidiControls(session, router, playing, learn, learn_pads)
    clock = MidiClock(session, clock_in, room.clock)
    lights = Lights(room.mixer.playing, CrashGuard())
    clock_out = ClockOut(clock.beats)

    def use_choices() -> None:
        choices = setup.choices
        if clock_in.port != choices.clock_from:
            clock_in.follow(choices.clock_from)
        clock_out.port = choices.clock_to
        lights.use(LightRules(choices.lights, setup.maps, setup.pad_map))

    def show_pads() -> None:
        lights.show([light(pad) for pad in session.kit.pads])

    setup.changed.connect(use_choices)
    for pad in session.kit.pads:
        pad.changed.connect(show_pads)
    return Midi(router, setup, controls, learn, learn_pads, clock, (lights, clock_out))


def light(pad: Pad) -> Light:
    """Return how a pad's light stands while it is silent."""
    if pad.locked and pad.state in ("empty", "ready"):
        return "locked"
    return pad.state
