"""GrowingWav: a WAV file that is whole at any moment, also when its writer is killed.

24 bits. Sound is appended first and counted in the header afterwards; beyond 4 GB the header
becomes that of RF64 (EBU Tech 3306), for which it keeps room from the start. Written here and not
by soundfile (libsndfile), which writes the header's sizes when the file is closed: what a crash or
a power cut leaves of such a file is empty to most players.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 80
SAMPLE_BYTES = 3
FULL_SCALE = (1 << 23) - 1
LARGEST_RIFF = 0xFFFFFFFF
"""Sizes of a plain WAV are 32 bits wide."""


class GrowingWav:
    """One thread writes it. Every method but `frames` may raise OSError."""

    def __init__(
        self, path: Path, rate: int, channels: int = 2, largest_riff: int = LARGEST_RIFF
    ) -> None:
        """Make the file, which must not be there yet; `largest_riff` is where RF64 begins."""
        self._rate = rate
        self._channels = channels
        self._largest_riff = largest_riff
        self._data_bytes = 0
        self._file = path.open("xb", buffering=0)
        self._file.write(self._make_header())

    @property
    def frames(self) -> int:
        """Whole frames in the file."""
        return self._data_bytes // (SAMPLE_BYTES * self._channels)

    def append(self, samples: NDArray[np.float32]) -> None:
        """Write frames, `(frames, channels)` within ±1, and count them in the header.

        When the disk is full, what still fitted is kept, and counted by `close`.
        """
        whole = np.rint(np.clip(samples, -1.0, 1.0) * np.float64(FULL_SCALE)).astype("<i4")
        left = memoryview(whole.view(np.uint8).reshape(-1, 4)[:, :SAMPLE_BYTES].tobytes())
        self._file.seek(HEADER_BYTES + self._data_bytes)
        while left:
            written = self._file.write(left)
            self._data_bytes += written
            left = left[written:]
        self._write_header()

    def sync(self) -> None:
        """Wait until what was written is on the disk: then it survives a power cut too."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Leave a file of whole frames behind."""
        try:
            self._file.truncate(HEADER_BYTES + self._whole_bytes)
            self._write_header()
            self.sync()
        finally:
            self._file.close()

    @property
    def _whole_bytes(self) -> int:
        return self.frames * SAMPLE_BYTES * self._channels

    def _write_header(self) -> None:
        self._file.seek(0)
        self._file.write(self._make_header())

    def _make_header(self) -> bytes:
        """Return the whole header, in one piece: a killed writer leaves the old or the new one."""
        data, frame_bytes = self._whole_bytes, SAMPLE_BYTES * self._channels
        riff = HEADER_BYTES - 8 + data
        form = struct.pack(
            "<4sIHHIIHH",
            b"fmt ",
            16,
            1,
            self._channels,
            self._rate,
            self._rate * frame_bytes,
            frame_bytes,
            8 * SAMPLE_BYTES,
        )
        if riff <= self._largest_riff:
            start = struct.pack("<4sI4s4sI28x", b"RIFF", riff, b"WAVE", b"JUNK", 28)
            return start + form + struct.pack("<4sI", b"data", data)
        sizes = struct.pack("<QQQI", riff, data, self.frames, 0)
        start = struct.pack("<4sI4s4sI", b"RF64", LARGEST_RIFF, b"WAVE", b"ds64", 28)
        return start + sizes + form + struct.pack("<4sI", b"data", LARGEST_RIFF)
