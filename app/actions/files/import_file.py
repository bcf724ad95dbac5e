"""ImportFile: a file or a pad dropped on a pad or on Record becomes a take. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from app.actions.pads.generate import Generate, Source
from app.actions.recording.take_store import TakeStore
from app.model.session import Session
from app.model.storage.clip_store import ClipStore
from app.model.takes import Take, new_take_id
from app.threads.background import Background
from engine.api import LONGEST_S
from engine.clip import Clip
from engine.files.audio import LONGEST_FILE_S, read_clip

DropTarget = int | Literal["record"]
"""A pad's index, or the Record button."""


class ImportFile:
    """Imports audio files, including those of the kit's own takes."""

    def __init__(
        self,
        session: Session,
        background: Background,
        take_store: TakeStore,
        generate: Generate,
        store: ClipStore,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._background = background
        self._take_store = take_store
        self._generate = generate
        self._store = store
        self._now = now

    def drop_file(self, path: Path, target: DropTarget) -> None:
        """Read a file and put it on a pad; on Record, the selected pad, and generate from it.

        The file of a take in the kit (a pad was dragged here) keeps that take's name and recipe.
        Returns at once; for a file that cannot be read there is a notice and nothing changes.
        """
        index = self._session.selected if target == "record" else target
        if self._session.refuse_locked(self._session.kit.pads[index]):
            return
        own = self._take_of(path)
        if own is not None:
            copy = replace(own, id=new_take_id(), created=self._now())
            self._use(path, copy, index, from_record=target == "record")
            return
        self._background.run(
            lambda: read_clip(path),
            lambda clip: self._use_file(path, clip, index, from_record=target == "record"),
            lambda sentence: self._session.notify(sentence, "warning"),
        )

    def _take_of(self, path: Path) -> Take | None:
        takes = (take for pad in self._session.kit.pads for take in pad.takes.items)
        return next((take for take in takes if self._store.path_of(take) == path), None)

    def _use_file(self, path: Path, clip: Clip, index: int, *, from_record: bool) -> None:
        if clip.seconds >= LONGEST_FILE_S:
            self._session.notify(f"Only the first {LONGEST_FILE_S:g} s of {path.name} are used.")
        take = Take(new_take_id(), clip, "dropped", None, self._now(), None, path.stem)
        self._use(path, take, index, from_record=from_record)

    def _use(self, path: Path, take: Take, index: int, *, from_record: bool) -> None:
        pad, clip = self._session.kit.pads[index], take.clip
        self._take_store.add(pad, take)
        if not from_record or pad.locked or not self._session.prompt.strip():
            return
        if clip.seconds > LONGEST_S:
            self._session.notify(
                f"The sound is made from the first {LONGEST_S:g} s of {path.name}."
            )
        self._generate.generate(index, Source(clip.cut(LONGEST_S), take.id))
