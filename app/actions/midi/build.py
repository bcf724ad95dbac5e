"""MidiActions: builds and connects the MIDI actions. Main thread, except the router."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.actions.midi.clock import ClockSync
from app.actions.midi.controls import ControlActions, PadActions
from app.actions.midi.learn_control import ControlLearner
from app.actions.midi.learn_pads import PadLearner
from app.actions.midi.setup import MidiSetup
from app.actions.pads.pad_trigger import PadTrigger
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
class MidiActions:
    """All MIDI actions, with router and senders."""

    router: PadRouter
    setup: MidiSetup
    controls: ControlActions
    control_learner: ControlLearner
    pad_learner: PadLearner
    clock: ClockSync
    senders: tuple[Sender, ...]
    """The sources of outgoing messages: pad lights and clock."""

    def learn_control(self, name: str, kit: str = "") -> None:
        """Learn a control for the target of this name; `kit` is the folder it opens."""
        self.pad_learner.cancel()
        self.control_learner.start(name, kit)

    def learn_pad_map(self, *, every_pad: bool = False) -> None:
        """Learn the notes of the pads, by the lowest one or by all sixteen."""
        self.control_learner.cancel()
        self.pad_learner.start(every_pad=every_pad)

    def stop_learning(self) -> None:
        """End learning."""
        self.control_learner.cancel()
        self.pad_learner.cancel()

    def tick(self) -> None:
        """Follow the clock and check the timeouts of learning; called twice a second."""
        self.control_learner.tick()
        self.pad_learner.tick()
        self.clock.tick()


@dataclass(frozen=True, slots=True)
class MidiContext:
    """The dependencies of the MIDI actions."""

    player: PadPlayer
    playing: Callable[[int], float | None]
    """Returns the position of a pad's newest voice in seconds; None when it is silent."""
    pad_trigger: PadTrigger
    config: Path
    writer: WritesFiles
    post: Callable[[Callable[[], None]], None]
    clock: ClockSync


def build_midi(session: Session, actions: PadActions, context: MidiContext) -> MidiActions:
    """Build and connect everything; nothing is read or opened yet."""

    def wake() -> None:
        context.post(controls.run_pending)

    receiver = context.clock.receiver
    router = PadRouter(
        context.player,
        context.pad_trigger.note,
        wake,
        receiver,
    )
    setup = MidiSetup(session, router, context.config, context.writer)
    control_learner = ControlLearner(session, setup, router)
    pad_learner = PadLearner(session, setup, router)
    controls = ControlActions(session, router, actions, control_learner, pad_learner)
    lights = PadLights(context.playing, CrashGuard().arm)
    clock_sender = ClockSender(context.clock.read_outgoing)

    def apply_choices() -> None:
        choices = setup.choices
        if receiver.port != choices.clock_from:
            receiver.follow(choices.clock_from)
        clock_sender.port = choices.clock_to
        lights.configure(LightSettings(choices.lights, setup.maps, setup.pad_map))

    def show_pads() -> None:
        lights.set_states([choose_light(pad) for pad in session.kit.pads])

    setup.changed.connect(apply_choices)
    for pad in session.kit.pads:
        pad.changed.connect(show_pads)
    return MidiActions(
        router,
        setup,
        controls,
        control_learner,
        pad_learner,
        context.clock,
        (lights, clock_sender),
    )


def choose_light(pad: Pad) -> PadLight:
    """Return the light of a pad while it is silent."""
    if pad.locked and pad.state in ("empty", "ready"):
        return "locked"
    return pad.state
