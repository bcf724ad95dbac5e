import re

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFontMetrics
from pytestqt.qtbot import QtBot

from app.ui.widgets.theme import COLOURS, Theme
from engine.files.paths import ASSETS


def luminance(value: str) -> float:
    channels = (QColor(value).redF(), QColor(value).greenF(), QColor(value).blueF())
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("ground", ["ground", "panel", "well", "raised"])
@pytest.mark.parametrize(
    "ink", ["ink", "soft", "faint", "accent", "generated", "recorded", "dropped", "failed"]
)
def test_every_ink_can_be_read_on_every_ground(ink: str, ground: str) -> None:
    # 4.5 is the least contrast the accessibility guidelines (WCAG 2.1, 1.4.3) allow for text.
    assert contrast(getattr(COLOURS, ink), getattr(COLOURS, ground)) >= 4.5


def test_the_dark_ink_can_be_read_on_the_bright_buttons() -> None:
    assert contrast(COLOURS.on_accent, COLOURS.accent) >= 4.5
    assert contrast(COLOURS.on_accent, COLOURS.record) >= 4.5


def test_the_style_sheet_has_no_fixed_font_and_names_no_unknown_colour(qtbot: QtBot) -> None:
    template = (ASSETS / "theme" / "pingpad.qss").read_text("utf-8")
    assert not re.search(r"font-size:\s*[\d.]+(px|pt)", template)
    assert "@" not in Theme().make_style_sheet()


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [(1280, 800, 1.0), (3840, 2160, 2.6875), (1024, 640, 0.8 - 0.05), (4000, 640, 0.75)],
)
def test_the_scale_follows_the_tighter_side(
    qtbot: QtBot, width: int, height: int, scale: float
) -> None:
    theme = Theme()
    theme.scale_to(QSize(width, height))
    assert theme.scale == pytest.approx(scale)
    assert theme.px(100) == round(100 * scale)


def test_the_bundled_font_has_its_three_weights(qtbot: QtBot) -> None:
    theme = Theme()
    widths = [
        QFontMetrics(theme.make_font(40, weight)).horizontalAdvance("Hamburgefonts")
        for weight in (400, 500, 600)
    ]
    assert theme.make_font().family() == "Inter"
    assert widths == sorted(set(widths))
