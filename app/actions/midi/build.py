"""Midi: all that a player does about MIDI, connected. Main thread only, but for the router."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.actions.midi.clock import ClockSync
from app.actions.midi.controls import ControlActions, PadActions
from app.actions.midi.learn_control import ControlLearner
from app.actions.midi.learn_pads import PadLearner
from app.actions.midi.setup import MidiSetup
from app.actions.pads.hits import Hits
from app.midi.clock.sender import ClockSender
from app.midi.lights import LightSettings, PadLight, PadLights
from app.midi.pad_player import PadPlayer
from app.midi.ports.crash_guard import CrashGuard
from app.midi.ports.outputs import Sender
from app.midi.router import PadRouter
from app.model.kit import Pad
from app.model.session import Session
from app.threads.file_writer import WritesFiles


@dataclass(frozen=True, slots=True)
class Midi:
    """One object for each thing."""

    router: PadRouter
    setup: MidiSetup
    controls: ControlActions
    learn: ControlLearner
    learn_pads: PadLearner
    clock: ClockSync
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

    def tick(self) -> None:
        """Follow a clock, end what was to be learnt and was not; a few times a second."""
        self.learn.tick()
        self.learn_pads.tick()
        self.clock.tick()


@dataclass(frozen=True, slots=True)
class MidiContext:
    """What MIDI works with: where sounds are played, where files lie, and who writes them."""

    mixer: PadPlayer
    hits: Hits
    config: Path
    writer: WritesFiles
    post: Callable[[Callable[[], None]], None]
    clock: ClockSync


def build_midi(session: Session, playing: PadActions, room: MidiContext) -> Midi:
    """Connect everything; nothing is read or opened."""

    def answer() -> None:
        controls.answer()

    clock_receiver = room.clock.receiver
    router = PadRouter(room.mixer, room.hits.note, lambda: room.post(answer), clock_receiver)
    setup = MidiSetup(session, router, room.config, room.writer)
    learn = ControlLearner(session, setup, router)
    learn_pads = PadLearner(session, setup, router)
    controls = ControlActions(session, router, playing, learn, learn_pads)
    lights = PadLights(room.mixer.playing, CrashGuard().arm)
    clock_sender = ClockSender(room.clock.beats)

    def use_choices() -> None:
        choices = setup.choices
        if clock_receiver.port != choices.clock_from:
            clock_receiver.follow(choices.clock_from)
        clock_sender.port = choices.clock_to
        lights.configure(LightSettings(choices.lights, setup.maps, setup.pad_map))

    def show_pads() -> None:
        lights.set_states([light(pad) for pad in session.kit.pads])

    setup.changed.connect(use_choices)
    for pad in session.kit.pads:
        pad.changed.connect(show_pads)
    return Midi(router, setup, controls, learn, learn_pads, room.clock, (lights, clock_sender))


def light(pad: Pad) -> PadLight:
    """Return how a pad's light stands while it is silent."""
    if pad.locked and pad.state in ("empty", "ready"):
        return "locked"
    return pad.state
