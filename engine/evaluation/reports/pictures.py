"""Spectrograms as PNG files in memory, written with nothing but zlib."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional

from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.evaluation.references.examples import stack_clips
from engine.sound.mel import HOP, TONE_BANDS, mel_frames

Pixels = NDArray[np.uint8]

COLOURS = np.array(
    [[13, 12, 24], [59, 24, 105], [150, 38, 110], [226, 90, 60], [250, 180, 70], [255, 250, 210]],
    np.float64,
)
"""From silence to the loudest, evenly spaced; lightness rises all the way."""


SHADES = 64
"""Number of colours in the palette; PNGs are a quarter of the size with all 256."""


def spectrogram_png(clip: Clip, columns: int = 240, seconds: float | None = None) -> bytes:
    """A picture (TONE_BANDS high, `columns` wide) of 80 dB; low at the bottom, even in mel.

    `seconds` is the time that the width stands for; what a clip lacks of it is silence.
    """
    audio = stack_clips([clip])
    if seconds is not None:
        audio = functional.pad(audio, (0, round(seconds * SAMPLE_RATE_HZ) - audio.shape[-1]))
    # Further frames only contain the sound's end again.
    frames = max(1, audio.shape[-1] // HOP)
    levels = mel_frames(audio)[0, :frames, :TONE_BANDS].numpy().T[::-1]
    places = np.linspace(0, levels.shape[1] - 1, columns).round().astype(int)
    shades = (levels[:, places] * (SHADES - 1)).round().astype(np.uint8)
    return png(shades, apply_colour_map(np.linspace(0, 1, SHADES)))


def apply_colour_map(levels: NDArray[np.float64]) -> Pixels:
    """Levels 0..1 (...) to pixels (..., 3)."""
    place = levels.clip(0, 1) * (len(COLOURS) - 1)
    lower = np.minimum(place.astype(int), len(COLOURS) - 2)
    share = (place - lower)[..., None]
    return np.asarray((COLOURS[lower] * (1 - share) + COLOURS[lower + 1] * share).round(), np.uint8)


def png(shades: Pixels, palette: Pixels) -> bytes:
    """Places (H, W) in a palette (up to 256, 3) as a PNG file: 8 bits, no filter."""
    height, width = shades.shape
    rows = np.zeros((height, 1 + width), np.uint8)
    rows[:, 1:] = shades
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 9)
    colours = palette.tobytes()
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
