"""The pipe between app and engine process, and the shared memory beside it. No torch.

Messages are pickled values of engine.api, prefixed by their length. Samples of clips do not go
through the pipe but through the job's buffer, shared memory that the app creates and removes. The
engine process only attaches to it, so nothing leaks when it is killed.
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
class Envelope:
    """One message, with the name of its job's buffer if there is one."""

    message: Request | Answer
    buffer: str | None = None


@dataclass(frozen=True, slots=True)
class ClipLocation:
    """The place of a clip's samples: the start of a buffer, float32 `(frames, channels)`."""

    buffer: str
    frames: int
    channels: int
    rate: int


class SharedBuffer:
    """Shared memory of one job: first its source, then its result."""

    def __init__(self, memory: SharedMemory, *, owned: bool) -> None:
        self._memory = memory
        self._owned = owned

    @classmethod
    def create(cls, size_bytes: int) -> Self:
        """Allocate shared memory; raises OSError where too little is free."""
        # Writing past the end of a full /dev/shm kills the process (SIGBUS), so ask first.
        if _LINUX_SHARED.is_dir() and shutil.disk_usage(_LINUX_SHARED).free < 2 * size_bytes:
            raise OSError(f"{_LINUX_SHARED} has no room for {size_bytes} bytes")
        name = f"pingpad_{os.getpid()}_{secrets.token_hex(4)}"  # macOS allows 30 characters
        return cls(SharedMemory(name, create=True, size=size_bytes), owned=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """Open a buffer that the app created; for the engine process."""
        return cls(_attach_untracked(name), owned=False)

    @property
    def name(self) -> str:
        """The name by which the other process attaches."""
        return self._memory.name

    def write(self, clip: Clip) -> ClipLocation | None:
        """Copy a clip's samples in; returns None when they do not fit."""
        if clip.samples.nbytes > self._memory.size:
            return None
        location = ClipLocation(self.name, clip.frames, clip.channels, clip.rate)
        self._view(location)[:] = clip.samples
        return location

    def read(self, location: ClipLocation) -> Clip:
        """Copy a clip out; the buffer may be closed afterwards."""
        return Clip(self._view(location).copy(), location.rate)

    def close(self) -> None:
        """Close the memory, and remove it if it was created here."""
        self._memory.close()
        if self._owned:
            self._memory.unlink()

    def _view(self, location: ClipLocation) -> np.ndarray[Any, np.dtype[np.float32]]:
        shape = (location.frames, location.channels)
        return np.ndarray(shape, np.float32, buffer=self._memory.buf)


class Channel:
    """Messages over two pipes: `send` from any thread, `receive` on one."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer = reader, writer
        self._lock = threading.Lock()

    def send(
        self,
        message: Request | Answer,
        buffer: SharedBuffer | None = None,
        *,
        name_buffer: bool = False,
    ) -> None:
        """Send a message, its clip through the buffer if it fits there.

        Raises OSError when the pipe is closed. `name_buffer` sends the name of the buffer, which
        the other end does not know yet.
        """
        envelope = Envelope(message, buffer.name if buffer is not None and name_buffer else None)
        packed = io.BytesIO()
        _Pickler(packed, buffer).dump(envelope)
        with self._lock:
            self._writer.write(_LENGTH.pack(packed.tell()))
            self._writer.write(packed.getbuffer())
            self._writer.flush()

    def receive(self, read_clip: Callable[[ClipLocation], Clip]) -> Envelope:
        """Wait for the next message; `read_clip` fetches a clip from its buffer.

        Raises EOFError when the other end is gone.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        envelope = _Unpickler(io.BytesIO(self._read(length)), read_clip).load()
        if not isinstance(envelope, Envelope):
            raise EOFError(f"not a message: {type(envelope).__name__}")
        return envelope

    def _read(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError("the other end is gone")
        return data


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, buffer: SharedBuffer | None) -> None:
        super().__init__(file, protocol=5)
        self._buffer = buffer

    def persistent_id(self, obj: object) -> ClipLocation | None:
        if self._buffer is None or not isinstance(obj, Clip):
            return None
        return self._buffer.write(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, read_clip: Callable[[ClipLocation], Clip]) -> None:
        super().__init__(file)
        self._read_clip = read_clip

    def persistent_load(self, pid: object) -> Clip:
        if not isinstance(pid, ClipLocation):
            raise pickle.UnpicklingError(f"not a location of a clip: {pid!r}")
        return self._read_clip(pid)


def read_shared_clip(location: ClipLocation) -> Clip:
    """Attach to the buffer of a clip and copy it out; for the engine process."""
    buffer = SharedBuffer.attach(location.buffer)
    try:
        return buffer.read(location)
    finally:
        buffer.close()


def _attach_untracked(name: str) -> SharedMemory:
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
