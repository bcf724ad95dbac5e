"""Waveforms as images: drawn once by numpy, then only copied to the screen. Main thread.

A polyline repainted from Python at 60 Hz costs about a millisecond each time and holds the
interpreter lock; a cached image with one line over it costs 0.03 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

MIN_MAGNIFIED = 0.02
"""Peaks below this (-34 dB) are drawn as they are; louder ones may be magnified."""

MAX_MAGNIFICATION = 4.0


def draw_waveform(
    peaks: NDArray[np.floating], width: int, height: int, colour: str, ratio: float = 1.0
) -> QImage:
    """Draw an image of `(columns, 2)` lowest and highest values, `width` x `height` logical px.

    Quiet sounds are magnified up to fourfold so that their shape can be read. `ratio` is the
    device pixel ratio of the screen the image is meant for.
    """
    wide, high = max(1, round(width * ratio)), max(1, round(height * ratio))
    columns = _stretch(np.asarray(peaks, np.float32).reshape(-1, 2), wide) * _magnify(peaks)
    centre = high / 2
    least = 0.6 * ratio
    top = np.minimum(centre - columns[:, 1] * centre, centre - least)
    bottom = np.maximum(centre - columns[:, 0] * centre, centre + least)
    rows = np.arange(high, dtype=np.float32)[:, None]
    cover = np.clip(np.minimum(rows + 1, bottom) - np.maximum(rows, top), 0, 1)
    return _tint(cover, colour, ratio)


def _magnify(peaks: NDArray[np.floating]) -> float:
    highest = float(np.abs(peaks).max()) if peaks.size else 0.0
    if highest > 1.0:
        return 1.0 / highest
    return min(MAX_MAGNIFICATION, max(1.0, 0.95 / highest)) if highest > MIN_MAGNIFIED else 1.0


def _stretch(peaks: NDArray[np.float32], wide: int) -> NDArray[np.float32]:
    """Resample to one pair for each pixel column, the extremes of the values on it."""
    if len(peaks) == 0:
        return np.zeros((wide, 2), np.float32)
    if len(peaks) <= wide:
        return peaks[np.arange(wide) * len(peaks) // wide]
    starts = np.arange(wide) * len(peaks) // wide
    lowest = np.minimum.reduceat(peaks[:, 0], starts)
    highest = np.maximum.reduceat(peaks[:, 1], starts)
    return np.stack([lowest, highest], axis=1)


def _tint(cover: NDArray[np.float32], colour: str, ratio: float) -> QImage:
    """Make a colour image whose opacity is `cover`, brighter towards the middle."""
    high, wide = cover.shape
    distance = np.abs(np.linspace(-1, 1, high, dtype=np.float32))[:, None]
    alpha = cover * (1.0 - 0.35 * distance)
    tint = QColor(colour)
    pixels = np.empty((high, wide, 4), np.uint8)
    for channel, value in enumerate((tint.blue(), tint.green(), tint.red(), 255)):
        pixels[:, :, channel] = np.round(alpha * value)
    image = QImage(pixels.data, wide, high, wide * 4, QImage.Format.Format_ARGB32_Premultiplied)
    image = image.copy()
    image.setDevicePixelRatio(ratio)
    return image
