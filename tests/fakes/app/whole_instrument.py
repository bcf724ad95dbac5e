"""The whole instrument without a window: real model, actions, mixer and threads; fake world."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.actions.actions import Actions
from app.bootstrap import Instrument
from app.folders import find_folders
from app.model.kit import Pad
from app.model.session import Notice, Session
from app.parts import Parts
from tests.fakes.app.main_loop import MainLoop
from tests.fakes.app.midi import FakeMidiInputs, FakeMidiOutputs
from tests.fakes.app.sound import FakeDevices
from tests.fakes.app.sound_system import CALLBACK
from tests.fakes.engine.engine_thread import FakeEngine


class WholeInstrument:
    """Folders come from PINGPAD_HOME, so that one after another finds what the last one left."""

    def __init__(self, *, autosave: bool = True) -> None:
        self.loop = MainLoop()
        self.folders = find_folders()
        parts = Parts(
            engine=FakeEngine, audio=FakeDevices, midi=FakeMidiInputs, midi_out=FakeMidiOutputs
        )
        self.instrument = Instrument(self.folders, self.loop.post, parts, autosave=autosave)
        self.session: Session = self.instrument.session
        self.actions: Actions = self.instrument.actions
        self.mixer = self.instrument.mixer
        # Rendered, not played: no time passes between blocks, so hits are due with the next one.
        self.session.play_at_once = True
        assert isinstance(self.instrument.engine, FakeEngine)
        assert isinstance(self.instrument.midi, FakeMidiInputs)
        assert isinstance(self.instrument.devices, FakeDevices)
        self.engine = self.instrument.engine
        self.midi = self.instrument.midi
        self.devices = self.instrument.devices
        self.notices: list[Notice] = []
        self.session.notice.connect(self.notices.append)
        self.restored = False

    def start(self) -> None:
        """Start, and wait until the last session is back."""
        self.instrument.start()
        self.instrument.background.run(lambda: None, self._back, self._back)
        self.until(lambda: self.restored)

    def _back(self, _: object) -> None:
        self.restored = True

    def stop(self) -> None:
        self.instrument.stop()
        self.loop.run_posted()

    def until(self, done: Callable[[], object]) -> None:
        self.loop.run_until(done)

    @property
    def pads(self) -> tuple[Pad, ...]:
        return self.session.kit.pads

    def make(self, prompt: str, pad: int = 0) -> None:
        """Type, Enter, and wait until it can be played and is on disk."""
        self.session.prompt = prompt
        takes, before = self.pads[pad].takes, len(self.pads[pad].takes.items)
        assert self.actions.generate.generate(pad)
        self.engine.finish()
        self.until(lambda: len(takes.items) > before)
        self.until_playable(pad)

    def until_playable(self, pad: int) -> None:
        """Wait until the pad's current take is what a hit plays, and is on disk."""

        def there() -> bool:
            take = self.pads[pad].takes.current
            return (
                take is not None
                and self.pads[pad].loaded is take
                and self.instrument.store.is_saved(take)
                and not self.instrument.store.unsaved
            )

        self.until(there)

    def hear(self, seconds: float = 0.25) -> NDArray[np.float32]:
        """Let the mixer play on, block by block, as a sound card would."""
        return self.mixer.render(int(seconds * self.mixer.rate))

    def sing(self, samples: NDArray[np.float32]) -> None:
        """Let these mono samples at 48 kHz come in at the microphone, block by block."""
        recorder = self.instrument.recorder
        call = CALLBACK(recorder.callback_address)
        for start in range(0, len(samples), 128):
            block = np.ascontiguousarray(samples[start : start + 128, None], np.float32)
            address = ctypes.c_void_p(recorder.memory_address)
            call(block.ctypes.data, None, len(block), None, 0, address)

    def files(self) -> list[Path]:
        """Every take on disk, of all runs."""
        return sorted(self.folders.takes.glob("*/*.wav"))

    def said(self) -> list[str]:
        return [notice.text for notice in self.notices]
