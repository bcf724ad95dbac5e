"""Record: hold or toggle, hum or beatbox; the sound lands on the selected pad. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from app.actions.generate import Generate, Source
from app.actions.keep_takes import KeepTakes
from app.audio.recorder import trim
from app.model.kit import Pad
from app.model.session import Session
from app.model.takes import Take, new_take_id
from engine.api import LONGEST_S, SHORTEST_S
from engine.clip import Clip

SILENCE = 10 ** (-60 / 20)
"""A recording that never passes -60 dBFS holds nothing a player meant."""


class TakeRecorder(Protocol):
    """What recording needs of app.audio.recorder.Recorder."""

    def start(self) -> None:
        """Begin a take."""
        ...

    def stop(self) -> Clip | None:
        """End it and return it; None when nothing came."""
        ...


class Record:
    """Press and release for a button that is held, toggle for one that is tapped."""

    def __init__(
        self,
        session: Session,
        recorder: TakeRecorder,
        keep: KeepTakes,
        generate: Generate,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._recorder = recorder
        self._keep = keep
        self._generate = generate
        self._now = now
        self._pad: Pad | None = None

    def press(self) -> None:
        """Start recording for the selected pad; nothing if it is recording already."""
        if self._pad is not None:
            return
        pad = self._session.selected_pad
        if pad.locked:
            self._session.say(f"Pad {pad.index + 1} is locked; unlock it first.", "warning")
            return
        if self._session.audio is None or self._session.audio.input_name is None:
            self._session.say(
                "There is no input to record from. Plug in a microphone; Pingpad finds it.",
                "warning",
            )
            return
        self._pad = pad
        self._recorder.start()
        self._session.set_recording(True)

    def release(self) -> None:
        """End the recording, put it on its pad and, with a prompt, generate from it."""
        if self._pad is None:
            return
        pad, self._pad = self._pad, None
        clip = self._recorder.stop()
        self._session.set_recording(False)
        if clip is None or np.abs(clip.samples).max() < SILENCE:
            self._session.say(
                "No sound came in. Check that the microphone is on and is the chosen input.",
                "warning",
            )
            return
        self._use(pad, trim(clip))

    def toggle(self) -> None:
        """Start, or end what was started."""
        if self._pad is None:
            self.press()
        else:
            self.release()

    def _use(self, pad: Pad, clip: Clip) -> None:
        whole_s = clip.seconds
        if whole_s > LONGEST_S:
            frames = int(LONGEST_S * clip.rate)
            clip = Clip(clip.samples[:frames].copy(), clip.rate)
            self._session.say(
                f"The recording lasted {whole_s:.1f} s; its first {LONGEST_S:g} s are kept."
            )
        take = Take(new_take_id(), clip, "recorded", None, self._now(), None, "recording")
        self._keep.add(pad, take)
        if self._session.prompt.strip() and clip.seconds >= SHORTEST_S and not pad.locked:
            self._generate.generate(pad.index, Source(clip, take.id))
