"""Transfer: an audio file dropped on a pad or on Record becomes a take. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from app.actions.background import Background
from app.actions.generate import Generate, Source
from app.actions.keep_takes import KeepTakes
from app.model.session import Session
from app.model.takes import Take, new_take_id
from engine.api import LONGEST_S
from engine.clip import LONGEST_FILE_S, Clip, read_clip

DropTarget = int | Literal["record"]
"""A pad's index, or the Record button."""


class Transfer:
    """Files from outside."""

    def __init__(
        self,
        session: Session,
        background: Background,
        keep: KeepTakes,
        generate: Generate,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._background = background
        self._keep = keep
        self._generate = generate
        self._now = now

    def drop_file(self, path: Path, target: DropTarget) -> None:
        """Read a file and put it on a pad; on Record, the selected pad, and generate from it.

        Returns at once; a file that cannot be used is said in a notice and changes nothing.
        """
        index = self._session.selected if target == "record" else target
        if self._session.kit.pads[index].locked:
            self._session.say(f"Pad {index + 1} is locked; unlock it first.", "warning")
            return
        self._background.run(
            lambda: read_clip(path),
            lambda clip: self._use(path, clip, index, from_record=target == "record"),
            lambda sentence: self._session.say(sentence, "warning"),
        )

    def _use(self, path: Path, clip: Clip, index: int, *, from_record: bool) -> None:
        if clip.seconds >= LONGEST_FILE_S:
            self._session.say(f"The first {LONGEST_FILE_S:g} s of {path.name} are used.")
        pad = self._session.kit.pads[index]
        take = Take(new_take_id(), clip, "dropped", None, self._now(), None, path.stem)
        self._keep.add(pad, take)
        if not from_record or pad.locked or not self._session.prompt.strip():
            return
        frames = int(LONGEST_S * clip.rate)
        if clip.frames > frames:
            clip = Clip(clip.samples[:frames].copy(), clip.rate)
            self._session.say(f"The sound is made from the first {LONGEST_S:g} s of {path.name}.")
        self._generate.generate(index, Source(clip, take.id))
