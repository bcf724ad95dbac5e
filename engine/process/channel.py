"""The pipe between app and engine process, and the shared memory beside it. Light half: no torch.

Messages are pickled values of engine.api with their length before them. A clip does not go through
the pipe: its samples go through the job's lane, shared memory which the app creates and
removes. The engine process only ever attaches, so nothing leaks when it is killed.
"""

from __future__ import annotations

import io
import os
import pickle
import secrets
import shutil
import struct
import sys
import threading
from collections.abc import Callable, Sized
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from engine.api import Answer, Request
from engine.clip import Clip

_LENGTH = struct.Struct("<Q")
_LINUX_SHARED = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message as it arrives, with the name of its job's lane where it has one."""

    message: Request | Answer
    lane: str | None = None


@dataclass(frozen=True, slots=True)
class ClipPlace:
    """Where a clip's samples lie: at the start of a lane, float32 `(frames, channels)`."""

    lane: str
    frames: int
    channels: int
    rate: int


class Lane:
    """Shared memory of one job: its source on the way there, its result on the way back."""

    def __init__(self, memory: SharedMemory, *, owned: bool) -> None:
        self._memory = memory
        self._owned = owned

    @classmethod
    def create(cls, size_bytes: int) -> Self:
        """Set memory aside. Raises OSError where there is too little of it."""
        # Writing past the end of a full /dev/shm kills the process (SIGBUS), so ask first.
        if _LINUX_SHARED.is_dir() and shutil.disk_usage(_LINUX_SHARED).free < 2 * size_bytes:
            raise OSError(f"{_LINUX_SHARED} has no room for {size_bytes} bytes")
        name = f"pingpad_{os.getpid()}_{secrets.token_hex(4)}"  # macOS allows 30 characters
        return cls(SharedMemory(name, create=True, size=size_bytes), owned=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """Open a lane that the app created; for the engine process."""
        return cls(_attached(name), owned=False)

    @property
    def name(self) -> str:
        """The name by which the other process attaches."""
        return self._memory.name

    def put(self, clip: Clip) -> ClipPlace | None:
        """Copy a clip's samples in; None when they do not fit."""
        if clip.samples.nbytes > self._memory.size:
            return None
        place = ClipPlace(self.name, clip.frames, clip.channels, clip.rate)
        self._view(place)[:] = clip.samples
        return place

    def take(self, place: ClipPlace) -> Clip:
        """Copy a clip out; the lane may be closed afterwards."""
        return Clip(self._view(place).copy(), place.rate)

    def close(self) -> None:
        """Let go of the memory, and remove it where it was created here."""
        self._memory.close()
        if self._owned:
            self._memory.unlink()

    def _view(self, place: ClipPlace) -> np.ndarray[Any, np.dtype[np.float32]]:
        shape = (place.frames, place.channels)
        return np.ndarray(shape, np.float32, buffer=self._memory.buf)


class Wire:
    """Sends from any thread, receives on one."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer = reader, writer
        self._lock = threading.Lock()

    def send(
        self, message: Request | Answer, lane: Lane | None = None, *, name_lane: bool = False
    ) -> None:
        """Send a message, its clip through the lane if it fits there. Raises OSError when cut.

        `name_lane` tells the other end of a lane that it has not heard of yet.
        """
        parcel = Parcel(message, lane.name if lane is not None and name_lane else None)
        buffer = io.BytesIO()
        _Pickler(buffer, lane).dump(parcel)
        with self._lock:
            self._writer.write(_LENGTH.pack(buffer.tell()))
            self._writer.write(buffer.getbuffer())
            self._writer.flush()

    def receive(self, take: Callable[[ClipPlace], Clip]) -> Parcel:
        """Wait for the next message; `take` fetches a clip from its lane.

        Raises EOFError when the other end is gone.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        parcel = _Unpickler(io.BytesIO(self._read(length)), take).load()
        if not isinstance(parcel, Parcel):
            raise EOFError(f"not a message: {type(parcel).__name__}")
        return parcel

    def _read(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError("the other end is gone")
        return data


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, lane: Lane | None) -> None:
        super().__init__(file, protocol=5)
        self._lane = lane

    def persistent_id(self, obj: object) -> ClipPlace | None:
        if self._lane is None or not isinstance(obj, Clip):
            return None
        return self._lane.put(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, take: Callable[[ClipPlace], Clip]) -> None:
        super().__init__(file)
        self._take = take

    def persistent_load(self, pid: object) -> Clip:
        if not isinstance(pid, ClipPlace):
            raise pickle.UnpicklingError(f"not a place of a clip: {pid!r}")
        return self._take(pid)


def take_attached(place: ClipPlace) -> Clip:
    """Attach to the lane of a clip and copy it out; for the engine process."""
    lane = Lane.attach(place.lane)
    try:
        return lane.take(place)
    finally:
        lane.close()


def _attached(name: str) -> SharedMemory:
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    # WORKAROUND https://github.com/python/cpython/issues/82300: before 3.13 attaching counts as
    # creating, and this process's end would remove memory that the app still uses.
    register = resource_tracker.register
    resource_tracker.register = _register_nothing
    try:
        return SharedMemory(name)
    finally:
        resource_tracker.register = register


def _register_nothing(name: Sized, rtype: str) -> None:
    """Stand in for resource_tracker.register."""
