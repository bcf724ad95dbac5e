"""ControlLearner: touch a control and it does this from now on. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from app.actions.midi.setup import MidiSetup
from app.midi.messages.controller_map import RESERVED, Binding
from app.midi.messages.message import CHANNEL_PRESSURE, CONTROL_CHANGE
from app.midi.messages.targets import TARGETS, Target, TargetKind
from app.midi.router import CapturedControl
from app.model.event import Event
from app.model.session import Session

TIME_OUT_S = 10.0
"""Who looks for the knob longer than this has gone to do something else."""


class Catches(Protocol):
    """What learning needs of app.midi.router.PadRouter."""

    def learn(self, *kinds: TargetKind) -> None:
        """Catch the next message that could do something of these kinds; none ends it."""
        ...


class ControlLearner:
    """One control at a time; ends by a touch, by the player or by itself."""

    def __init__(
        self,
        session: Session,
        setup: MidiSetup,
        router: Catches,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._setup = setup
        self._router = router
        self.now = now
        self._until_s = 0.0
        self.changed: Event[()] = Event()
        """Learning began or ended."""
        self.target: Target | None = None
        """What waits for a touch."""
        self.kit = ""
        """The folder of the kit that the touch is to open; "" for any other target."""

    def start(self, name: str, kit: str = "") -> None:
        """Wait for a touch that is to do the target of this name; `kit` is what it opens."""
        self.target, self.kit = TARGETS[name], kit
        self._until_s = self.now() + TIME_OUT_S
        self._router.learn(self.target.kind)
        self.changed.emit()

    def cancel(self) -> None:
        """Wait no more."""
        if self.target is not None:
            self.target = None
            self._router.learn()
            self.changed.emit()

    def tick(self) -> None:
        """End what lasts too long; to be called a few times a second."""
        if self.target is not None and self.now() >= self._until_s:
            title = self.target.title
            self.cancel()
            self._session.notify(
                f"No control was touched within {TIME_OUT_S:g} s, so nothing was learnt for "
                f'"{title}". Look at the MIDI window whether messages come in.',
                "warning",
            )

    def caught(self, touched: CapturedControl) -> None:
        """Take what was touched."""
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
