"""GrowingWav: a WAV file that is valid at any moment, even if its writer is killed.

24 bits. Samples are appended first, then the sizes in the header are updated; beyond 4 GB the
header becomes an RF64 header (EBU Tech 3306), for which space is reserved from the start. Not
written by soundfile (libsndfile), which sets the sizes when the file is closed: after a crash or a
power cut most players would take such a file for empty.
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
        """Create the file, which must not exist; above `largest_riff` bytes it becomes RF64."""
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
        """Write frames, `(frames, channels)` within ±1, and update the header.

        When the disk is full, the frames that still fitted are kept; `close` updates the header.
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
        """Flush to the disk, so that everything written survives a power cut."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Truncate to whole frames, update the header and close the file."""
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
        """Return the header; written in one piece, it is never half updated."""
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
