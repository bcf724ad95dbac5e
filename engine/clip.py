"""Clip: finished audio and its rate; reading and writing audio files. Light half: no torch.

What reads files and changes rates is imported where it is used: a machine that only trains on
rendered sounds need not have it.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

LONGEST_FILE_S = 60.0
"""A longer file is read up to here: a pad plays at most this much."""

RATES_HZ = range(4_000, 400_001)


class ClipError(Exception):
    """An audio file or array that cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Finished audio: float32 `(frames, channels)`, full scale ±1, never changed once made."""

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        """Refuse what cannot be played: wrong shape, no frames, NaN, odd rates."""
        if self.samples.dtype != np.float32 or self.samples.ndim != 2:
            raise ClipError(
                f"samples must be float32 (frames, channels), got {self.samples.dtype} "
                f"{self.samples.shape}"
            )
        if self.samples.shape[0] == 0 or self.samples.shape[1] == 0:
            raise ClipError("the sound has no frames")
        if self.rate not in RATES_HZ:
            raise ClipError(f"the rate must be 4000..400000 Hz, got {self.rate}")
        if not np.isfinite(self.samples).all():
            raise ClipError("the sound holds values that are not numbers")
        self.samples.setflags(write=False)

    @property
    def frames(self) -> int:
        """Number of instants of all channels."""
        return int(self.samples.shape[0])

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate

    def stereo(self) -> Self:
        """Return two channels: mono doubled, more than two mixed down evenly to left and right."""
        if self.channels == 2:
            return self
        if self.channels == 1:
            return type(self)(np.repeat(self.samples, 2, axis=1), self.rate)
        left, right = self.samples[:, 0::2].mean(axis=1), self.samples[:, 1::2].mean(axis=1)
        return type(self)(np.stack([left, right], axis=1).astype(np.float32), self.rate)

    def at_rate(self, rate: int) -> Self:
        """Return the same sound at another rate in Hz (soxr, high quality)."""
        if rate == self.rate:
            return self
        import soxr

        resampled = soxr.resample(self.samples, self.rate, rate, quality="HQ")
        if resampled.shape[0] == 0:
            resampled = np.zeros((1, self.channels), np.float32)
        return type(self)(np.ascontiguousarray(resampled, np.float32), rate)


def read_clip(path: Path, longest_s: float = LONGEST_FILE_S) -> Clip:
    """Read an audio file (WAV, FLAC, OGG, MP3, AIFF), at most its first `longest_s` seconds.

    Raises ClipError with a sentence for the player when there is no such file, it is no audio
    file, or it holds no frames.
    """
    import soundfile

    if path.is_dir():
        raise ClipError(f"{path} is a folder, not a sound: use a file in it.")
    if not path.is_file():
        raise ClipError(f"There is no file {path}.")
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            samples = file.read(int(longest_s * rate), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        why = error.error_string.rstrip(".").lower()
        raise ClipError(f"{path.name} could not be read as audio: {why}.") from error
    except (OSError, RuntimeError) as error:
        raise ClipError(f"{path.name} could not be read as audio ({error}).") from error
    if samples.shape[0] == 0:
        raise ClipError(f"{path.name} holds no sound: it has no frames.")
    try:
        return Clip(np.ascontiguousarray(samples), rate)
    except ClipError as error:
        raise ClipError(f"{path.name} could not be used: {error}.") from error


def write_clip(path: Path, clip: Clip, subtype: str = "PCM_24") -> None:
    """Write a WAV so that `path` either holds the whole file or what it held before.

    `subtype` is libsndfile's name of the sample format: "PCM_16", "PCM_24" or "FLOAT".
    Raises ClipError when the disk is full or the folder cannot be written.
    """
    import soundfile

    temporary = path.with_name(f"{secrets.token_hex(8)}.part")
    try:
        samples = clip.samples if subtype == "FLOAT" else np.clip(clip.samples, -1.0, 1.0)
        # Through memory: of a full disk, soundfile says only that something went wrong.
        whole = io.BytesIO()
        soundfile.write(whole, samples, clip.rate, subtype, format="WAV")
        with temporary.open("xb") as file:
            file.write(whole.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, soundfile.LibsndfileError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ClipError(f"{path} could not be written ({reason}).") from error
