"""The theme: colours, font, and a scale that grows with the window. Main thread.

Sizes are written in units: one unit is one logical pixel in a window of 1280x800. A larger window
shows the same layout larger, so that a 4K screen without desktop scaling stays readable; what the
desktop scales by itself (the device pixel ratio) comes on top.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QWidget

from engine.files.paths import ASSETS

BASE_SIZE = QSize(1280, 800)
MIN_SCALE, MAX_SCALE = 0.75, 4.0
SCALE_STEPS = 16
"""The scale moves in sixteenths, so that resizing the window restyles it only a few times."""

FONT_FAMILIES = ("Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "DejaVu Sans")
BASE_FONT = 13.0


@dataclass(frozen=True, slots=True)
class Colours:
    """Every colour of the window, by its use."""

    ground: str = "#0e1014"
    panel: str = "#15181e"
    well: str = "#0f1217"
    raised: str = "#1e222a"
    hover: str = "#282d37"
    line: str = "#2a303b"
    edge: str = "#424a58"
    ink: str = "#eeece6"
    soft: str = "#b7bcc7"
    faint: str = "#8d94a2"
    accent: str = "#f4b860"
    accent_hover: str = "#ffca7d"
    on_accent: str = "#1c1306"
    generated: str = "#82d8c3"
    recorded: str = "#f39a86"
    dropped: str = "#a5b8f8"
    record: str = "#f2606a"
    failed: str = "#ff8a80"


COLOURS = Colours()


def make_colour(value: str, alpha: float = 1.0) -> QColor:
    """Make a colour with an opacity `alpha` of 0..1."""
    made = QColor(value)
    made.setAlphaF(alpha)
    return made


def choose_take_colour(kind: str | None) -> str:
    """Return the colour of a take's origin."""
    match kind:
        case "recorded":
            return COLOURS.recorded
        case "dropped":
            return COLOURS.dropped
        case _:
            return COLOURS.generated


def load_font() -> str:
    """Register the bundled fonts; return the family to use, a system one if they are missing."""
    for path in sorted((ASSETS / "fonts").glob("*.ttf")):
        QFontDatabase.addApplicationFont(str(path))
    known = set(QFontDatabase.families())
    return next((family for family in FONT_FAMILIES if family in known), QFont().defaultFamily())


class Theme(QObject):
    """The window's scale, with the fonts, sizes and style sheet that depend on it."""

    changed = Signal()
    """Emitted when the scale changes."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scale = 1.0
        self._family = load_font()
        self._sheet = (ASSETS / "theme" / "pingpad.qss").read_text("utf-8")

    def scale_to(self, size: QSize) -> None:
        """Set the scale for a window of `size` logical pixels."""
        wanted = min(size.width() / BASE_SIZE.width(), size.height() / BASE_SIZE.height())
        clamped = max(MIN_SCALE, min(MAX_SCALE, wanted))
        scale = int(clamped * SCALE_STEPS) / SCALE_STEPS
        if scale != self.scale:
            self.scale = scale
            self.changed.emit()

    def px(self, units: float) -> int:
        """Convert units to whole logical pixels; at least 1 for anything above 0."""
        return max(1, round(units * self.scale)) if units > 0 else 0

    def make_font(self, units: float = BASE_FONT, weight: int = 400) -> QFont:
        """Return the font, `units` high, weight 100..900, with tabular figures."""
        font = QFont(self._family)
        font.setPixelSize(max(8, round(units * self.scale)))
        font.setWeight(QFont.Weight(weight))
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def make_style_sheet(self) -> str:
        """Make the style sheet in the current colours and scale."""
        text = self._sheet
        colours = asdict(COLOURS)
        text = re.sub(r"@(\w+)", lambda found: colours[found[1]], text)
        text = re.sub(r"\b(\d+(?:\.\d+)?)u\b", lambda found: f"{self.px(float(found[1]))}px", text)
        icons = (ASSETS / "icons").as_posix()
        return text.replace("$icons", icons).replace("$family", self._family)

    def set_spacing(
        self,
        layout: QBoxLayout | QGridLayout,
        spacing: float,
        margins: tuple[float, float, float, float] = (0, 0, 0, 0),
    ) -> None:
        """Give a layout a spacing and margins (left, top, right, bottom) in units."""

        def apply() -> None:
            layout.setSpacing(self.px(spacing))
            left, top, right, bottom = (self.px(side) for side in margins)
            layout.setContentsMargins(left, top, right, bottom)

        self.on_scale(apply)

    def set_size(
        self, widget: QWidget, width: float | None = None, height: float | None = None
    ) -> None:
        """Give a widget a fixed width or height in units."""

        def apply() -> None:
            if width is not None:
                widget.setFixedWidth(self.px(width))
            if height is not None:
                widget.setFixedHeight(self.px(height))

        self.on_scale(apply)

    def on_scale(self, apply: Callable[[], None]) -> None:
        """Call `apply` now and on every change of scale; for objects that live as long as this."""
        apply()
        self.changed.connect(apply)
