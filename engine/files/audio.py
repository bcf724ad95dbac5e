"""Audio files: read into clips, written atomically. Any thread; no torch.

soundfile is imported where it is used: a machine that only trains on rendered sounds need not have
it.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from engine.clip import Clip, ClipError
from engine.files.atomic import write_bytes

LONGEST_FILE_S = 60.0
"""Longer files are read up to here, the most that a pad plays."""


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

    try:
        samples = clip.samples if subtype == "FLOAT" else np.clip(clip.samples, -1.0, 1.0)
        # Through memory: soundfile does not say when the disk is full.
        whole = io.BytesIO()
        soundfile.write(whole, samples, clip.rate, subtype, format="WAV")
        write_bytes(path, whole.getbuffer(), sync=True)
    except (OSError, soundfile.LibsndfileError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ClipError(f"{path} could not be written ({reason}).") from error
