import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage

from app.ui.widgets.waveform import draw_waveform


def column_heights(image: QImage) -> list[int]:
    return [
        sum(QColor.fromRgba(image.pixel(x, y)).alpha() > 60 for y in range(image.height()))
        for x in range(image.width())
    ]


@pytest.fixture(autouse=True)
def application(qapp: object) -> None:
    pass


def test_the_height_of_a_column_is_the_range_of_its_samples() -> None:
    peaks = np.zeros((100, 2), np.float32)
    peaks[:50] = (-1.0, 1.0)
    peaks[50:] = (-0.5, 0.5)
    heights = column_heights(draw_waveform(peaks, 100, 40, "#ffffff"))
    assert set(heights[:50]) == {40}
    assert set(heights[50:]) == {20}


def test_a_narrow_picture_keeps_a_single_loud_column() -> None:
    peaks = np.zeros((1000, 2), np.float32)
    peaks[503] = (-1.0, 1.0)
    heights = column_heights(draw_waveform(peaks, 50, 40, "#ffffff"))
    assert heights[25] == 40
    assert max(heights[:25] + heights[26:]) < 4


def test_a_screen_of_twice_the_density_gets_twice_the_pixels() -> None:
    image = draw_waveform(np.zeros((10, 2), np.float32), 60, 20, "#ffffff", 2.0)
    assert (image.width(), image.height(), image.devicePixelRatio()) == (120, 40, 2.0)


def test_a_sound_above_full_scale_stays_inside() -> None:
    loud = np.tile(np.array([[-3.0, 3.0]], np.float32), (10, 1))
    assert set(column_heights(draw_waveform(loud, 10, 40, "#ffffff"))) == {40}


def test_silence_and_nothing_are_a_thin_line() -> None:
    for peaks in (np.zeros((10, 2), np.float32), np.zeros((0, 2), np.float32)):
        heights = column_heights(draw_waveform(peaks, 10, 41, "#ffffff"))
        assert set(heights) <= {1, 2}
