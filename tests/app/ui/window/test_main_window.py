import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.audio.mixer.meter import Meter
from app.ui.pads.button import PadButton
from app.ui.window.main_window import choose_size
from tests.app.ui.scene import Scene

CONTROLS = (QPushButton, QLineEdit, QAbstractSpinBox, QSlider, QComboBox, PadButton)
SIZES = [(1024, 640), (1280, 800), (1920, 1080), (3840, 2160)]


def controls(scene: Scene) -> list[QWidget]:
    found = [w for kind in CONTROLS for w in scene.window.findChildren(kind)]
    inner = {box.lineEdit() for box in scene.window.findChildren(QAbstractSpinBox)}
    return [widget for widget in found if widget not in inner and widget.isVisible()]


def test_every_control_has_a_name_for_those_who_hear_the_window(scene: Scene) -> None:
    unnamed = [w for w in controls(scene) if not w.accessibleName().strip()]
    assert unnamed == []


def test_every_control_is_reached_by_the_tab_key(scene: Scene) -> None:
    scene.make(0, "kick")
    scene.window.focus_prompt()
    reached, widget = set(), scene.window.prompt_panel.prompt.nextInFocusChain()
    while widget is not scene.window.prompt_panel.prompt:
        reached.add(widget)
        widget = widget.nextInFocusChain()
    wanted = {
        w
        for w in controls(scene)
        if not isinstance(w, PadButton) and w is not scene.window.prompt_panel.prompt
    }
    assert wanted <= reached
    assert all(w.focusPolicy() & Qt.FocusPolicy.TabFocus for w in wanted)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_is_cut_off_at_any_size(
    scene: Scene, qtbot: QtBot, width: int, height: int
) -> None:
    scene.make(0, "kick")
    scene.session.length_unit = "bars"
    scene.window.resize(width, height)
    qtbot.waitUntil(lambda: scene.window.size() == QSize(width, height))
    QApplication.processEvents()
    for button in scene.window.findChildren(QPushButton):
        text = button.fontMetrics().horizontalAdvance(button.text())
        assert button.width() >= text, button.text()
        assert button.height() >= button.fontMetrics().height(), button.text()
    for label in scene.window.findChildren(QLabel):
        if label.isVisible() and not label.wordWrap() and label.text():
            assert label.width() >= label.fontMetrics().horizontalAdvance(label.text())
    for box in scene.window.findChildren(QAbstractSpinBox):
        text = box.fontMetrics().horizontalAdvance(box.text())
        assert box.lineEdit().width() >= text, box.text()
    for widget in controls(scene):
        corner = widget.mapTo(scene.window, QPoint(0, 0))
        assert corner.x() >= 0
        assert corner.x() + widget.width() <= width
        assert corner.y() + widget.height() <= height


def test_text_grows_with_the_window(scene: Scene, qtbot: QtBot) -> None:
    heights = []
    for width, height in SIZES[1:]:
        scene.window.resize(width, height)
        size = QSize(width, height)
        qtbot.waitUntil(lambda size=size: scene.window.size() == size)  # type: ignore[misc]
        heights.append(scene.window.prompt_panel.generate.fontMetrics().height())
    assert heights[1] > 1.2 * heights[0]
    assert heights[2] > 2.5 * heights[0]


def test_a_frame_with_nothing_new_paints_nothing(scene: Scene, qtbot: QtBot) -> None:
    scene.make(0, "kick")
    scene.window._timer.stop()
    for _ in range(3):
        scene.window.show_frame()
        QApplication.processEvents()
    painted: list[QObject] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                painted.append(watched)
            return False

    watch = Watch()
    QApplication.instance().installEventFilter(watch)
    for _ in range(10):
        scene.time_s += 0.016
        scene.window.show_frame()
        QApplication.processEvents()
    QApplication.instance().removeEventFilter(watch)
    assert painted == []


def test_control_enter_generates_from_anywhere(scene: Scene) -> None:
    scene.session.prompt = "kick"
    scene.window.pads.focus_selected()
    QTest.keyClick(scene.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert len(scene.engine.wishes) == 1


def test_control_e_makes_a_variation_while_the_prompt_is_typed(scene: Scene) -> None:
    scene.make(0, "kick")
    field = scene.window.prompt_panel.prompt
    field.setFocus()
    QTest.keyClicks(field, " metal")
    QTest.keyClick(field, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert scene.engine.wishes[-1].recipe.prompt == "kick metal"
    assert scene.engine.wishes[-1].source is not None


def test_the_lists_of_a_file_dialog_are_as_dark_as_the_window(scene: Scene, qtbot: QtBot) -> None:
    option = QFileDialog.Option.DontUseNativeDialog
    dialog = QFileDialog(scene.window, options=option)
    qtbot.addWidget(dialog)
    dialog.show()
    for name in ("treeView", "sidebar"):
        view = dialog.findChild(QAbstractItemView, name)
        assert view is not None
        picture = view.grab().toImage()
        corner = picture.pixelColor(picture.width() - 20, picture.height() - 20)
        assert corner.lightness() < 60
    header = dialog.findChild(QHeaderView)
    assert header is not None and header.grab().toImage().pixelColor(3, 3).lightness() < 60


def test_a_kit_is_saved_once_asked_for_and_then_without_asking(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    asked: list[str] = []

    def answer(*arguments: object) -> tuple[str, str]:
        asked.append(str(arguments[2]))
        return f"{tmp_path}/Night shift", ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    scene.make(0, "kick")
    control = Qt.KeyboardModifier.ControlModifier
    QTest.keyClick(scene.window, Qt.Key.Key_S, control)
    QTest.keyClick(scene.window, Qt.Key.Key_S, control)
    assert len(asked) == 1
    assert scene.said == ["Saved as Night shift.pingpad."] * 2
    assert scene.session.kit.name == "Night shift"
    scene.actions.pad_settings.rename(0, "changed since")
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_: f"{tmp_path}/Night shift.pingpad"
    )
    QTest.keyClick(scene.window, Qt.Key.Key_O, control)
    assert scene.session.kit.pads[0].title == "kick"


def test_closing_lets_go_of_held_keys_and_stops_the_frames(scene: Scene) -> None:
    scene.window.pads.focus_selected()
    QTest.keyPress(scene.window.pads.buttons[0], Qt.Key.Key_Z)
    scene.window.close()
    assert scene.sound.releases == [0]
    assert not scene.window._timer.isActive()


@pytest.mark.parametrize(
    ("screen", "size"),
    [
        ((1366, 768), (1106, 691)),
        ((1920, 1080), (1280, 800)),
        ((3840, 2160), (2488, 1555)),
        ((800, 600), (1024, 640)),
    ],
)
def test_a_new_window_fits_its_screen(screen: tuple[int, int], size: tuple[int, int]) -> None:
    assert choose_size(QSize(*screen)).toTuple() == size


def test_the_meter_shows_peaks_and_how_loud_it_is(scene: Scene) -> None:
    scene.sound.level = Meter(0.5, 0.25, limiting=False, rms_left=0.125, rms_right=0.0625)
    scene.window.show_frame()
    meter = scene.window.kit_bar.meter
    assert meter.levels_db == pytest.approx((-6.02, -12.04), abs=0.01)
    assert meter.rms_db == pytest.approx((-18.06, -24.08), abs=0.01)
