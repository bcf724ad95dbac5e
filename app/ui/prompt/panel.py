"""The prompt panel: prompt, length, strength, steps, seed, and Generate. Main thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.actions.actions import Actions
from app.model.panel import LengthUnit
from app.model.parameter_kinds import Choice
from app.model.parameters import LENGTH_BARS, LENGTH_S, STEP_COUNT, STRENGTH, TEMPO
from app.model.session import Session
from app.ui.format import format_unknown_words
from app.ui.prompt.line import PromptLine
from app.ui.widgets.controls import (
    NumberField,
    Segments,
    TextField,
    add_caption,
    make_button,
    make_caption,
    on_click,
)
from app.ui.widgets.icons import make_icon
from app.ui.widgets.theme import Theme
from engine.api import MOST_SEED

PLACEHOLDER = "What should this pad sound like? For example: punchy 909 kick"


class SeedField(TextField):
    """A field for a whole number; Esc and Enter leave it."""

    def __init__(self) -> None:
        super().__init__()
        self.setMaxLength(len(str(MOST_SEED)))
        self.setValidator(QRegularExpressionValidator("[0-9]*", self))
        self.setAccessibleName("Seed")


class PromptPanel(QFrame):
    """Edits the session's prompt settings and generates; Esc anywhere in it leaves it."""

    left = Signal()
    """The player has left the panel; the keys play pads again."""

    def __init__(self, session: Session, actions: Actions, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._session = session
        self._actions = actions
        self._theme = theme
        self._make_prompt()
        self._make_length()
        self._make_sampling()
        self._lay_out()
        session.settings_changed.connect(self.show_settings)
        session.selection_changed.connect(self.show_settings)
        session.engine_changed.connect(self._show_engine)
        for pad in session.kit.pads:
            pad.changed.connect(self._show_seed)
        self.show_settings()
        self._show_engine()

    # --- the controls ---

    def _make_prompt(self) -> None:
        self.prompt = PromptLine(self._theme)
        self.prompt.setPlaceholderText(PLACEHOLDER)
        self.prompt.setToolTip("Enter makes the sound on the selected pad; Esc goes to the pads")
        self.prompt.textEdited.connect(self._set_prompt)
        self.prompt.submitted.connect(self._actions.generate.generate)
        self.prompt.left.connect(self.left)
        self.prompt.words_checked.connect(self._show_unknown)
        self.sentence = make_caption("", "soft")
        self.sentence.setAccessibleName("About the prompt")
        make = make_button
        self.generate = make("Generate", "Make the sound on the selected pad", self._theme)
        self.generate.setObjectName("generate")
        on_click(self.generate, self._actions.generate.generate)
        self.again = make(
            "Again", "The same words with another seed (Ctrl+R)", self._theme, "again"
        )
        on_click(self.again, self._actions.generate.again)
        tip = (
            "Make a variation of the pad's own sound, as far away as strength says, towards the "
            "words if you typed new ones (Ctrl+E)"
        )
        self.vary = make("Vary", tip, self._theme, "vary")
        on_click(self.vary, self._actions.generate.vary)

    def _make_length(self) -> None:
        units: list[Choice[LengthUnit]] = [Choice("seconds", "Seconds"), Choice("bars", "Bars")]
        self.unit = Segments("Length in", units, self._theme)
        self.unit.chosen.connect(self._set_unit)
        self.length = NumberField(LENGTH_S.least, LENGTH_S.most, 2, " s")
        self.length.setAccessibleName("Length")
        self.length.valueChanged.connect(self._set_length)
        self.tempo = NumberField(TEMPO.least, TEMPO.most, 1, " bpm")
        self.tempo.setAccessibleName("Tempo")
        self.tempo.valueChanged.connect(lambda bpm: setattr(self._session, "bpm", bpm))
        self.tap = make_button("Tap", "Tap the tempo (T)", self._theme)
        self.tap.pressed.connect(self._actions.tempo.tap)
        for field in (self.length, self.tempo):
            field.left.connect(self.left)

    def _make_sampling(self) -> None:
        self.strength = QSlider(Qt.Orientation.Horizontal)
        self.strength.setRange(round(STRENGTH.least * 100), round(STRENGTH.most * 100))
        self.strength.setPageStep(10)
        self.strength.setAccessibleName("Strength")
        self.strength.setToolTip(
            "How far a recording or a variation may move from its source: 1.00 ignores the source"
        )
        self.strength.valueChanged.connect(
            lambda percent: setattr(self._session, "strength", percent / 100)
        )
        self.strength_text = make_caption("", "soft")
        self.steps = Segments(STEP_COUNT.label, STEP_COUNT.choices[::-1], self._theme)
        self.steps.chosen.connect(lambda steps: setattr(self._session, "steps", steps))
        self.seed = SeedField()
        self.seed.setToolTip("The same words and the same seed make the same sound")
        self.seed.editingFinished.connect(self._set_seed)
        self.seed.left.connect(self.left)
        self.keep_seed = make_button("", "Keep the seed for every sound", self._theme)
        self.keep_seed.setCheckable(True)
        self.keep_seed.setProperty("quiet", "true")
        self.keep_seed.setIcon(make_icon("unlock", checked="lock"))
        self.keep_seed.clicked.connect(self._keep_seed)

    def _lay_out(self) -> None:
        theme = self._theme
        column = QVBoxLayout(self)
        theme.set_spacing(column, 8, (14, 14, 14, 12))
        first = QHBoxLayout()
        theme.set_spacing(first, 10)
        first.addWidget(self.prompt, 1)
        first.addWidget(self.generate)
        column.addLayout(first)
        column.addWidget(self.sentence)
        second = QHBoxLayout()
        theme.set_spacing(second, 22)
        second.addLayout(add_caption("Length", self._make_length_row(), theme))
        second.addLayout(add_caption("Strength", self._make_strength_row(), theme))
        second.addLayout(add_caption("Steps", self._make_row(self.steps), theme))
        second.addLayout(add_caption("Seed", self._make_seed_row(), theme))
        second.addStretch(1)
        second.addLayout(add_caption("", self._make_variation_row(), theme))
        column.addLayout(second)
        theme.set_size(self.length, width=84)
        theme.set_size(self.tempo, width=98)
        theme.set_size(self.strength, width=110)
        theme.set_size(self.strength_text, width=32)
        theme.set_size(self.seed, width=176)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _make_row(self, *widgets: QWidget, spacing: float = 6) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        self._theme.set_spacing(row, spacing)
        for widget in widgets:
            row.addWidget(widget)
        # The border of two pixels does not scale.
        self._theme.on_scale(lambda: holder.setFixedHeight(self._theme.px(30) + 2))
        return holder

    def _make_length_row(self) -> QWidget:
        return self._make_row(self.unit, self.length, self.tempo, self.tap)

    def _make_strength_row(self) -> QWidget:
        return self._make_row(self.strength, self.strength_text, spacing=8)

    def _make_seed_row(self) -> QWidget:
        return self._make_row(self.seed, self.keep_seed, spacing=4)

    def _make_variation_row(self) -> QWidget:
        return self._make_row(self.again, self.vary, spacing=8)

    # --- input ---

    def _set_prompt(self, text: str) -> None:
        self._session.prompt = text

    def _set_unit(self, unit: LengthUnit) -> None:
        self._session.length_unit = unit

    def _set_length(self, value: float) -> None:
        if self._session.length_unit == "bars":
            self._session.bars = round(value)
        else:
            self._session.seconds = value

    def _set_seed(self) -> None:
        text = self.seed.text()
        self._session.seed = min(int(text), MOST_SEED) if text else None
        self._show_seed()

    def _keep_seed(self, keep: bool) -> None:
        self._session.seed = self._find_last_seed() if keep else None
        self._show_seed()

    # --- showing the session ---

    def _find_last_seed(self) -> int | None:
        take = self._session.selected_pad.takes.current
        return take.recipe.seed if take is not None and take.recipe is not None else None

    def show_settings(self) -> None:
        """Show the session's settings."""
        session = self._session
        if self.prompt.text() != session.prompt:
            self.prompt.setText(session.prompt)
        in_bars = session.length_unit == "bars"
        self.unit.show_value(session.length_unit)
        self._show_length(in_bars)
        self.tempo.show_value(session.bpm)
        percent = round(session.strength * 100)
        if percent != self.strength.value():
            self.strength.setValue(percent)
        self.strength_text.setText(STRENGTH.format(session.strength))
        self.steps.show_value(session.steps)
        self.generate.setAccessibleDescription(f"onto pad {session.selected + 1}")
        self._show_unknown(self._find_unknown())
        self._show_seed()

    def _show_length(self, in_bars: bool) -> None:
        blocked = self.length.blockSignals(True)
        if in_bars:
            self.length.setDecimals(0)
            self.length.setRange(LENGTH_BARS.least, LENGTH_BARS.most)
            self.length.setSuffix(" bar" if self._session.bars == 1 else " bars")
            self.length.setSingleStep(1)
        else:
            self.length.setDecimals(2)
            self.length.setRange(LENGTH_S.least, LENGTH_S.most)
            self.length.setSuffix(" s")
            self.length.setSingleStep(0.1)
        self.length.blockSignals(blocked)
        self.length.show_value(self._session.bars if in_bars else self._session.seconds)

    def _show_seed(self) -> None:
        seed, last = self._session.seed, self._find_last_seed()
        if not (self.seed.hasFocus() and self.seed.isModified()):
            self.seed.setText("" if seed is None else str(seed))
            self.seed.setCursorPosition(0)
        self.seed.setPlaceholderText("new each time" if last is None else f"new, last {last}")
        self.keep_seed.setChecked(seed is not None)
        self.keep_seed.setEnabled(seed is not None or last is not None)

    def _show_engine(self) -> None:
        self.prompt.set_vocabulary(self._session.vocabulary)
        self._show_unknown(self._find_unknown())

    def _find_unknown(self) -> tuple[str, ...]:
        text = self.prompt.text()
        return tuple(dict.fromkeys(text[start:end] for start, end in self.prompt.unknown))

    def _show_unknown(self, words: tuple[str, ...]) -> None:
        text, role = format_unknown_words(words), "warning"
        if not text:
            text, role = self._make_hint(), "caption"
        self.sentence.setText(text)
        if self.sentence.property("role") != role:
            self.sentence.setProperty("role", role)
            self.sentence.style().unpolish(self.sentence)
            self.sentence.style().polish(self.sentence)

    def _make_hint(self) -> str:
        if not self._session.engine.ready:
            return self._session.engine.text
        number = self._session.selected + 1
        return f"Enter makes it on pad {number}, Esc lets the keys play, / comes back here"
