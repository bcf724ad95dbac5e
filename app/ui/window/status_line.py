"""The status line: sound devices, MIDI and model, with warnings. Main thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
)
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.actions.actions import Actions
from app.audio.mixer.meter import Counts
from app.model.session import Session
from app.ui.dialogs.device_menu import DeviceMenu
from app.ui.dialogs.loopback import LoopbackDialog
from app.ui.dialogs.models import ModelsDialog
from app.ui.format import format_ms
from app.ui.midi.window import MidiWindow
from app.ui.pads.button import HIT_KEYS
from app.ui.pads.grid import LIT_S
from app.ui.widgets.icons import draw_icon
from app.ui.widgets.theme import COLOURS, Theme

UNSHORTENED_WIDTH = 620.0
"""Width in units up to which the output field or a warning is not elided: half of the line."""


class StatusField(QWidget):
    """An icon and a text, elided if it does not fit; the tooltip has the full text."""

    def __init__(self, name: str, icon_name: str, theme: Theme) -> None:
        super().__init__()
        self._name = name
        self._icon_name = icon_name
        self._theme = theme
        self._text = ""
        self._warning = False
        self._lit = False
        self.comes_first = False
        """Whether other fields are elided before this one."""
        self._icons: dict[str, QPixmap] = {}
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.on_scale(self.updateGeometry)

    @property
    def text(self) -> str:
        """The text, not elided."""
        return self._text

    @property
    def warning(self) -> bool:
        """Whether the text is a warning."""
        return self._warning

    @property
    def lit(self) -> bool:
        """Whether the icon is lit."""
        return self._lit

    def show_lit(self, lit: bool) -> None:
        """Light the icon, or turn it off."""
        if lit != self._lit:
            self._lit = lit
            self.update()

    def show_text(self, text: str, *, warning: bool = False) -> None:
        """Show a text; a warning is amber with a warning icon."""
        if (text, warning) != (self._text, self._warning):
            self._text, self._warning = text, warning
            self.setToolTip(f"{self._name}: {text}")
            self.setAccessibleName(f"{self._name}: {text}")
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        wide = QFontMetricsF(self._theme.make_font(12)).horizontalAdvance(self._text)
        return QSize(round(wide) + self._theme.px(28), self._theme.px(22))

    def minimumSizeHint(self) -> QSize:
        """Return room for icon and a word, or for the whole text of a warning or first field."""
        least = self._theme.px(80)
        if self._warning or self.comes_first:
            least = min(self.sizeHint().width(), self._theme.px(UNSHORTENED_WIDTH))
        return QSize(least, self._theme.px(22))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        tint = COLOURS.accent if self._warning else COLOURS.faint
        name = "warning" if self._warning else self._icon_name
        if self._lit:
            tint = COLOURS.generated
        size = theme.px(15)
        spot = QRectF(0, (self.height() - size) / 2, size, size)
        key = f"{name} {tint}"
        if key not in self._icons:
            self._icons[key] = draw_icon(name, tint)
        painter.drawPixmap(spot, self._icons[key], QRectF(self._icons[key].rect()))
        font = theme.make_font(12)
        painter.setFont(font)
        painter.setPen(QColor(self._text_colour()))
        place = QRectF(self.rect()).adjusted(theme.px(21), 0, 0, 0)
        elide = Qt.TextElideMode.ElideRight
        text = QFontMetricsF(font).elidedText(self._text, elide, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()

    def _text_colour(self) -> str:
        return COLOURS.accent if self._warning else COLOURS.soft


class StatusButton(StatusField):
    """A field that can be clicked; Space and Enter click it when it has the focus."""

    clicked = Signal()

    def __init__(self, name: str, icon_name: str, tip: str, theme: Theme) -> None:
        super().__init__(name, icon_name, theme)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleDescription(tip)
        self._tip = tip

    def show_text(self, text: str, *, warning: bool = False) -> None:
        """Show a text; the tooltip adds what a click does."""
        super().show_text(text, warning=warning)
        self.setToolTip(f"{text}\n{self._tip}")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in HIT_KEYS:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            self.clicked.emit()

    def _text_colour(self) -> str:
        if self.hasFocus():
            return COLOURS.accent
        return COLOURS.ink if self.underMouse() else super()._text_colour()


class StatusLine(QWidget):
    """Three fields: output, MIDI, model."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._actions = actions
        self._theme = theme
        self._midi_events = 0
        self._midi_lit_until_s = 0.0
        self.midi_window: MidiWindow | None = None
        self.models_dialog: ModelsDialog | None = None
        self.loopback_dialog: LoopbackDialog | None = None
        self.device_menu = DeviceMenu(session, actions.devices, self.open_loopback, self)
        self._underflows = 0
        self._late = 0
        self.output = StatusButton("Output", "sound", "Click to choose output and input", theme)
        self.output.comes_first = True
        self.output.clicked.connect(lambda: self.device_menu.show_above(self.output))
        tip = "Click for the last events, note map, learning, lights and clocks"
        self.midi = StatusButton("MIDI", "midi", tip, theme)
        self.midi.clicked.connect(self.open_midi)
        tip = "Click to choose the model, or to add one"
        self.engine = StatusButton("Model", "model", tip, theme)
        self.engine.clicked.connect(self.open_models)
        row = QHBoxLayout(self)
        theme.set_spacing(row, 26)
        row.addWidget(self.output)
        row.addWidget(self.midi)
        row.addStretch(1)
        row.addWidget(self.engine)
        session.devices_changed.connect(self.show_devices)
        session.engine_changed.connect(self.show_engine)
        self.show_devices()
        self.show_engine()

    def show_counts(self, counts: Counts) -> None:
        """Show the numbers of missed and late blocks."""
        if (counts.underflows, counts.late) != (self._underflows, self._late):
            self._underflows, self._late = counts.underflows, counts.late
            self.show_devices()

    def open_midi(self) -> None:
        """Open the MIDI window, or bring it to the front."""
        if self.midi_window is None:
            window = self.window()
            self.midi_window = MidiWindow(self._session, self._actions, self._theme, window)
        self.midi_window.show()
        self.midi_window.raise_()
        self.midi_window.show_events()

    def open_loopback(self) -> None:
        """Open the loopback wizard, or bring it to the front."""
        if self.loopback_dialog is None:
            devices = self._actions.devices
            self.loopback_dialog = LoopbackDialog(
                self._session, devices, self._theme, self.window()
            )
        self.loopback_dialog.show()
        self.loopback_dialog.raise_()

    def open_models(self) -> None:
        """Open the models window, or bring it to the front."""
        if self.models_dialog is None:
            models = self._actions.models
            self.models_dialog = ModelsDialog(models, self._theme, self.window())
        self.models_dialog.show()
        self.models_dialog.raise_()

    def show_midi(self, now_s: float) -> None:
        """Light the MIDI field while messages arrive; to be called on every frame."""
        events = self._actions.midi.router.event_count
        if events != self._midi_events:
            self._midi_events, self._midi_lit_until_s = events, now_s + LIT_S
        self.midi.show_lit(now_s < self._midi_lit_until_s)

    def show_devices(self) -> None:
        """Show the sound output and the MIDI inputs."""
        audio, midi = self._session.audio, self._session.midi
        if audio is None:
            self.output.show_text("Looking for a sound card")
        elif audio.message or audio.output_name is None:
            message = audio.message or "No sound card. Plug one in; Pingpad finds it."
            self.output.show_text(message, warning=True)
        else:
            self.output.show_text(
                f"{audio.output_name} · {audio.rate / 1000:g} kHz · {audio.block_frames} frames"
                f" · {audio.latency_ms:.1f} ms · {self._format_faults()}"
            )
        if midi is None:
            self.midi.show_text("Looking for MIDI")
        elif midi.ports:
            self.midi.show_text(", ".join(midi.ports))
        else:
            self.midi.show_text(midi.message or "No MIDI input; plug one in")

    def _format_faults(self) -> str:
        late = f", {self._late} late" if self._late else ""
        audio, midi = self._session.audio, self._session.midi
        lost = f" · {midi.dropped} MIDI events lost" if midi and midi.dropped else ""
        priority = " · no real-time priority" if audio and not audio.realtime else ""
        trip = audio.round_trip if audio else None
        measured = "" if trip is None or trip.error else f"round trip {trip.milliseconds:.1f} ms · "
        return f"{measured}{self._underflows} missed{late}{lost}{priority}"

    def show_engine(self) -> None:
        """Show the model, its device and how long the last sound took."""
        engine = self._session.engine
        if not engine.ready:
            self.engine.show_text(engine.text, warning=engine.failed)
            return
        loading = f"{engine.loading} is loading" if engine.loading else ""
        parts = [f"Model {engine.model}", loading, engine.device]
        if engine.last_ms is not None:
            parts.append(f"last sound in {format_ms(engine.last_ms)}")
        self.engine.show_text(" · ".join(part for part in parts if part))
