from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.audio.mixer.pad_parameters import DEFAULT_PARAMETERS, PadParameters
from app.model.parameter_kinds import Number
from app.model.parameters import PAD_NUMBERS
from tests.app.ui.scene import Scene

LEFT = Qt.MouseButton.LeftButton


ON_PAGES = [row for row in PAD_NUMBERS.values() if row.page]


@pytest.mark.parametrize("row", ON_PAGES, ids=lambda row: row.field)
def test_every_step_of_every_slider_is_a_voicing_and_comes_back(scene: Scene, row: Number) -> None:
    panel = scene.window.pad_panel
    panel.show_page(1 if row.page == "shape" else 2)
    slider = {**panel.shape.sliders, **panel.tone.sliders}[row.field]
    pad = scene.session.selected_pad
    for step in (0, 1, row.slider_steps // 2, row.slider_steps):
        slider.setValue(step)
        assert slider.value() == pytest.approx(step, abs=1)
        assert row.format(getattr(pad.parameters, row.field))
    QTest.mouseDClick(slider, LEFT)
    assert pad.parameters == DEFAULT_PARAMETERS


def test_start_and_end_never_cross(scene: Scene) -> None:
    sliders, pad = scene.window.pad_panel.shape.sliders, scene.session.selected_pad
    sliders["end"].setValue(399)
    sliders["start"].setValue(900)
    assert pad.parameters.start == pytest.approx(0.399)
    sliders["end"].setValue(0)
    assert pad.parameters.end == pytest.approx(0.4)


def test_reverse_reaches_the_selected_pad_alone(scene: Scene) -> None:
    reverse = scene.window.pad_panel.shape.reverse
    scene.session.select(5)
    QTest.mouseClick(reverse, LEFT)
    assert scene.session.kit.pads[5].parameters == PadParameters(reverse=True)
    scene.session.select(0)
    assert not reverse.isChecked()


def test_layers_and_loop_lengths_reach_the_selected_pad(scene: Scene) -> None:
    panel, pad = scene.window.pad_panel, scene.session.selected_pad
    assert not panel.shape.loop.isEnabled()
    scene.actions.pad_settings.change(0, mode="loop")
    assert panel.shape.loop.isEnabled()
    panel.shape.loop.activated.emit(2)
    panel.tone.layers.activated.emit(1)
    assert pad.parameters == PadParameters("loop", loop_bars=2, layers="round_robin")
    scene.session.select(3)
    assert (panel.shape.loop.currentIndex(), panel.tone.layers.currentIndex()) == (0, 0)
