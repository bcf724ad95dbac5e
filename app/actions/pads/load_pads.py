"""PadLoader: brings pads' takes and settings into the mixer. Main thread only."""

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
"""The newest takes of a pad whose hits play them in turn or by velocity."""


class PadMemory(Protocol):
    """What loading needs of the mixer."""

    @property
    def rate(self) -> int:
        """The rate in Hz that sounds must have."""
        ...

    def load_layers(
        self, pad: int, layers: Sequence[NDArray[np.float32]], at: Quantum = "now"
    ) -> None:
        """Let the next hit play these sounds, a running loop on a beat or bar; none empties it."""
        ...

    def configure(self, pad: int, parameters: PadParameters) -> None:
        """Set how a pad plays."""
        ...


class PadLoader:
    """The one door from the model to the mixer: what it has loaded stands in `Pad.loaded`."""

    def __init__(self, session: Session, mixer: PadMemory, background: Background) -> None:
        self._session = session
        self._mixer = mixer
        self._background = background
        self._newest: dict[int, object] = {}
        self._previews: dict[int, object] = {}
        """Pads that play the preview of a sound which is still being made."""
        self._rate = mixer.rate

    def load(self, pad: Pad, then: Callable[[], None] = lambda: None) -> None:
        """Make the pad's current take what the next hit plays.

        Resampling happens in the background; until then a hit plays the old sound. Of several
        loads of one pad the last one counts. `then` is called once a hit plays the new one.
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

        def loaded(layers: tuple[NDArray[np.float32], ...]) -> None:
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

        def failed(sentence: str) -> None:
            if self._newest.get(pad.index) is ticket:
                pad.show("failed", message=sentence)
                self._session.notify(sentence, "error")

        self._background.run(
            lambda: tuple(prepare(each.clip, rate) for each in takes), loaded, failed
        )

    def load_preview(self, pad: Pad, clip: Clip) -> None:
        """Let hits of a pad without a sound play a clip that is no take, until the next load."""
        ticket = object()
        self._previews[pad.index] = ticket
        rate = self._mixer.rate

        def loaded(samples: NDArray[np.float32]) -> None:
            if self._previews.get(pad.index) is ticket and rate == self._mixer.rate:
                self._mixer.load_layers(pad.index, (samples,))

        # Nobody was promised a preview: where it cannot be prepared, the whole says so.
        self._background.run(lambda: prepare(clip, rate), loaded, lambda sentence: None)

    def drop_preview(self, pad: Pad) -> None:
        """Silence a pad that plays a preview."""
        if self._previews.pop(pad.index, None) is not None:
            self._mixer.load_layers(pad.index, ())

    def configure(self, pad: Pad) -> None:
        """Tell the mixer how the pad plays."""
        self._mixer.configure(pad.index, pad.parameters)

    def load_kit(self) -> None:
        """Load and configure all sixteen pads (a kit was opened)."""
        for pad in self._session.kit.pads:
            self.configure(pad)
            self.load(pad)

    def follow_rate(self) -> None:
        """Prepare every pad again if the mixer's rate is another one than last time."""
        if self._rate != self._mixer.rate:
            self._rate = self._mixer.rate
            for pad in self._session.kit.pads:
                if pad.takes.current is not None:
                    self.load(pad)
