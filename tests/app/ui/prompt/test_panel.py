import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.ui.prompt.panel import PromptPanel
from engine.api import MOST_SEED
from tests.app.ui.scene import Scene


@pytest.fixture
def panel(scene: Scene) -> PromptPanel:
    scene.window.focus_prompt()
    return scene.window.prompt_panel


def test_enter_makes_what_was_typed_on_the_selected_pad(scene: Scene, panel: PromptPanel) -> None:
    scene.session.select(5)
    QTest.keyClicks(panel.prompt, "punchy 909 kick")
    QTest.keyClick(panel.prompt, Qt.Key.Key_Return)
    [wished] = scene.engine.wishes
    assert wished.recipe.prompt == "punchy 909 kick"
    assert scene.session.kit.pads[5].state == "pending"
    assert panel.prompt.hasFocus()


def test_enter_on_an_empty_line_says_what_to_do(scene: Scene, panel: PromptPanel) -> None:
    QTest.keyClick(panel.prompt, Qt.Key.Key_Return)
    assert scene.engine.wishes == []
    assert scene.said == ["Type what the sound should be: the prompt is empty."]


def test_unknown_words_are_named_under_the_line(panel: PromptPanel) -> None:
    panel.prompt.setText("punchy dubstepish kick")
    assert panel.sentence.text() == "The model has never seen: dubstepish"
    assert panel.sentence.property("role") == "warning"
    panel.prompt.setText("punchy kick")
    assert "never" not in panel.sentence.text()
    assert panel.sentence.property("role") == "caption"


def test_a_prompt_of_emoji_and_ten_thousand_letters_breaks_nothing(
    scene: Scene, panel: PromptPanel
) -> None:
    panel.prompt.setText("🥁💥 " + "ab " * 3333)
    panel.prompt.textEdited.emit(panel.prompt.text())
    QTest.keyClick(panel.prompt, Qt.Key.Key_Return)
    assert len(scene.engine.wishes) == 0
    assert scene.said[0].startswith("The prompt must be at most")


def test_length_in_seconds_and_in_bars(scene: Scene, panel: PromptPanel) -> None:
    panel.length.setValue(2.5)
    assert scene.session.seconds == 2.5
    QTest.mouseClick(panel.unit.find_button("bars"), Qt.MouseButton.LeftButton)
    panel.length.setValue(2)
    panel.tempo.setValue(100)
    assert (scene.session.bars, scene.session.seconds) == (2, 2.5)
    assert scene.session.length_s() == pytest.approx(4.8)
    assert panel.length.text() == "2 bars"
    QTest.mouseClick(panel.unit.find_button("seconds"), Qt.MouseButton.LeftButton)
    assert panel.length.text() == "2.50 s"


@pytest.mark.parametrize(
    ("typed", "kept"), [("0", 0.05), ("-1", 0.05), ("1e9", 12.0), ("nan", 1.0), ("3", 3.0)]
)
def test_nonsense_typed_as_a_length_never_reaches_the_session(
    scene: Scene, panel: PromptPanel, typed: str, kept: float
) -> None:
    panel.length.setFocus()
    panel.length.selectAll()
    QTest.keyClicks(panel.length, typed)
    QTest.keyClick(panel.length, Qt.Key.Key_Return)
    assert 0.05 <= scene.session.seconds <= 12
    if typed in ("3", "nan"):
        assert scene.session.seconds == kept


def test_tapping_sets_the_tempo(scene: Scene, panel: PromptPanel) -> None:
    QTest.mouseClick(panel.unit.find_button("bars"), Qt.MouseButton.LeftButton)
    for _ in range(4):
        QTest.mouseClick(panel.tap, Qt.MouseButton.LeftButton)
        scene.time_s += 0.4
    assert scene.session.bpm == pytest.approx(150.0)
    assert panel.tempo.text() == "150.0 bpm"


def test_strength_and_steps_are_the_sessions(scene: Scene, panel: PromptPanel) -> None:
    panel.strength.setValue(35)
    assert scene.session.strength == 0.35
    assert panel.strength_text.text() == "0.35"
    QTest.mouseClick(panel.steps.find_button(2), Qt.MouseButton.LeftButton)
    assert scene.session.steps == 2
    scene.session.steps = 4
    assert panel.steps.find_button(4).isChecked()


def test_the_last_seed_is_shown_and_can_be_kept(scene: Scene, panel: PromptPanel) -> None:
    assert not panel.keep_seed.isEnabled()
    scene.make(0, "kick", seed=90311)
    assert panel.seed.text() == ""
    assert panel.seed.placeholderText() == "new, last 90311"
    QTest.mouseClick(panel.keep_seed, Qt.MouseButton.LeftButton)
    assert scene.session.seed == 90311
    assert panel.seed.text() == "90311"
    QTest.mouseClick(panel.keep_seed, Qt.MouseButton.LeftButton)
    assert scene.session.seed is None
    assert panel.seed.text() == ""


def test_a_typed_seed_is_kept_within_its_range(scene: Scene, panel: PromptPanel) -> None:
    panel.seed.setFocus()
    QTest.keyClicks(panel.seed, "4-2x")
    QTest.keyClick(panel.seed, Qt.Key.Key_Return)
    assert scene.session.seed == 42
    panel.seed.setFocus()
    panel.seed.selectAll()
    QTest.keyClicks(panel.seed, "9" * 30)
    QTest.keyClick(panel.seed, Qt.Key.Key_Return)
    assert scene.session.seed == MOST_SEED
    panel.seed.setFocus()
    panel.seed.selectAll()
    QTest.keyClick(panel.seed, Qt.Key.Key_Delete)
    QTest.keyClick(panel.seed, Qt.Key.Key_Return)
    assert scene.session.seed is None


def test_again_draws_another_seed_and_vary_starts_from_the_sound(
    scene: Scene, panel: PromptPanel
) -> None:
    scene.make(0, "kick", seed=5)
    QTest.mouseClick(panel.again, Qt.MouseButton.LeftButton)
    assert scene.engine.wishes[-1].recipe.seed is None
    scene.finish()
    scene.session.strength = 0.4
    QTest.mouseClick(panel.vary, Qt.MouseButton.LeftButton)
    assert scene.engine.wishes[-1].source is not None
    assert scene.engine.wishes[-1].recipe.strength == 0.4


def test_a_click_on_generate_makes_it_on_the_selected_pad_only(
    scene: Scene, panel: PromptPanel
) -> None:
    scene.session.select(7)
    scene.session.prompt = "snare"
    QTest.mouseClick(panel.generate, Qt.MouseButton.LeftButton)
    assert [pad.index for pad in scene.session.kit.pads if pad.state == "pending"] == [7]


def test_escape_in_any_field_lets_the_keys_play(scene: Scene, panel: PromptPanel) -> None:
    for field in (panel.prompt, panel.length, panel.seed):
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_Escape)
        assert scene.window.pads.buttons[0].hasFocus()
