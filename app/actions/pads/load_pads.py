"""PadLoader: loads takes and parameters of pads into the mixer. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.audio.mixer.clock import Quantum
from app.audio.mixer.pad_parameters import PadParameters
from app.audio.mixer.prepare import prepare
from app.model.kit import Pad
from app.model.session import Session
from app.threads.background import Background
from engine.clip import Clip

MOST_LAYERS = 16
"""A pad that plays its takes in turn or by velocity uses so many of the newest."""


class PadMemory(Protocol):
    """The part of the mixer that PadLoader needs."""

    @property
    def rate(self) -> int:
        """The sample rate in Hz that sounds must have."""
        ...

    def load_layers(
        self, pad: int, layers: Sequence[NDArray[np.float32]], at: Quantum = "now"
    ) -> None:
        """Set a pad's sounds; a running loop swaps on the beat or bar `at`; () empties the pad."""
        ...

    def configure(self, pad: int, parameters: PadParameters) -> None:
        """Set how a pad plays."""
        ...


class PadLoader:
    """The only place that loads sounds into the mixer; `Pad.loaded` is what it has loaded."""

    def __init__(self, session: Session, mixer: PadMemory, background: Background) -> None:
        self._session = session
        self._mixer = mixer
        self._background = background
        self._newest: dict[int, object] = {}
        self._previews: dict[int, object] = {}
        """By pad, the load of a preview of a sound that is still being generated."""
        self._rate = mixer.rate

    def load(self, pad: Pad, then: Callable[[], None] = lambda: None) -> None:
        """Load the pad's current take.

        Resampling happens in the background; until then a hit plays the old sound. Of several
        loads of one pad the last one wins. `then` is called once a hit plays the new sound.
        """
        ticket = object()
        self._newest[pad.index] = ticket
        take, rate = pad.takes.current, self._mixer.rate
        if take is None:
            self._previews.pop(pad.index, None)
            self._mixer.load_layers(pad.index, ())
            pad.loaded = None
            pad.settle()
            return

        takes = pad.takes.items[-MOST_LAYERS:] if pad.parameters.layers != "single" else (take,)

        def on_prepared(layers: tuple[NDArray[np.float32], ...]) -> None:
            if self._newest.get(pad.index) is not ticket:
                return
            if rate != self._mixer.rate:
                self.load(pad, then)
                return
            self._previews.pop(pad.index, None)
            self._mixer.load_layers(pad.index, layers, self._session.swap_at)
            pad.loaded = take
            if pad.state in ("empty", "ready"):
                pad.settle()
            else:
                pad.changed.emit()
            then()

        def on_failed(sentence: str) -> None:
            if self._newest.get(pad.index) is ticket:
                pad.show("failed", message=sentence)
                self._session.notify(sentence, "error")

        self._background.run(
            lambda: tuple(prepare(each.clip, rate) for each in takes), on_prepared, on_failed
        )

    def load_preview(self, pad: Pad, clip: Clip) -> None:
        """Load a clip that is not a take onto a pad without a sound, until the next load."""
        ticket = object()
        self._previews[pad.index] = ticket
        rate = self._mixer.rate

        def on_prepared(samples: NDArray[np.float32]) -> None:
            if self._previews.get(pad.index) is ticket and rate == self._mixer.rate:
                self._mixer.load_layers(pad.index, (samples,))

        # A preview is optional: an error will be reported with the complete clip.
        self._background.run(lambda: prepare(clip, rate), on_prepared, lambda sentence: None)

    def drop_preview(self, pad: Pad) -> None:
        """Empty a pad that has a preview loaded."""
        if self._previews.pop(pad.index, None) is not None:
            self._mixer.load_layers(pad.index, ())

    def configure(self, pad: Pad) -> None:
        """Send the pad's parameters to the mixer."""
        self._mixer.configure(pad.index, pad.parameters)

    def load_kit(self) -> None:
        """Load and configure all sixteen pads, after a kit was opened."""
        for pad in self._session.kit.pads:
            self.configure(pad)
            self.load(pad)

    def follow_rate(self) -> None:
        """Reload every pad if the mixer's sample rate has changed."""
        if self._rate != self._mixer.rate:
            self._rate = self._mixer.rate
            for pad in self._session.kit.pads:
                if pad.takes.current is not None:
                    self.load(pad)
