"""ControlLearner: MIDI learn, binds the next control touched to a target. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.actions.midi.setup import MidiSetup
from app.midi.messages.controller_map import RESERVED, Binding
from app.midi.messages.message import CHANNEL_PRESSURE, CONTROL_CHANGE
from app.midi.messages.targets import TARGETS, Target
from app.midi.router import CapturedControl, PadRouter
from app.model.event import Event
from app.model.session import Session

TIMEOUT_S = 10.0
"""After this the player has turned to something else."""


class ControlLearner:
    """Learns one control at a time; a touch, the player or the timeout ends it."""

    def __init__(
        self,
        session: Session,
        setup: MidiSetup,
        router: PadRouter,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._setup = setup
        self._router = router
        self.now = now
        self._deadline_s = 0.0
        self.changed: Event[()] = Event()
        """Emitted when learning starts or ends."""
        self.target: Target | None = None
        """The target to learn; None while not learning."""
        self.kit = ""
        """The folder of the kit to open; "" for any other target."""

    def start(self, name: str, kit: str = "") -> None:
        """Learn a control for the target of this name; `kit` is the folder it opens."""
        self.target, self.kit = TARGETS[name], kit
        self._deadline_s = self.now() + TIMEOUT_S
        self._router.learn(self.target.kind)
        self.changed.emit()

    def cancel(self) -> None:
        """End learning."""
        if self.target is not None:
            self.target = None
            self._router.learn()
            self.changed.emit()

    def tick(self) -> None:
        """End learning after the timeout; called twice a second."""
        if self.target is not None and self.now() >= self._deadline_s:
            title = self.target.title
            self.cancel()
            self._session.notify(
                f"No control was touched within {TIMEOUT_S:g} s, so nothing was learnt for "
                f'"{title}". Check in the MIDI window whether messages arrive.',
                "warning",
            )

    def assign(self, touched: CapturedControl) -> None:
        """Bind the touched control to the target."""
        target = self.target
        if target is None:
            return
        source = touched.source
        if source.kind == CONTROL_CHANGE and source.number in RESERVED:
            return
        self.target = None
        takeover = source.kind != CHANNEL_PRESSURE
        self._setup.add_learnt(
            Binding(source, target, port=touched.port, takeover=takeover, kit=self.kit)
        )
        self.changed.emit()
        self._session.notify(f'{target.title}: {source.describe()} of "{touched.port}".')
