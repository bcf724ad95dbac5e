from __future__ import annotations

from pathlib import Path

import pytest

from app.audio.mixer.pad_parameters import PAD_MODES
from app.model.parameters import SWAP_AT
from engine.api import LONGEST_S, SHORTEST_S
from tests.fakes.app.midi_scene import MidiScene

BUTTONS = """
[[control]]
does = "again"
note = 60
[[control]]
does = "vary"
cc = 20
[[control]]
does = "generate"
program = 4
[[control]]
does = "record"
note = 61
[[control]]
does = "record_toggle"
note = 62
[[control]]
does = "previous_take"
note = 63
[[control]]
does = "next_take"
note = 64
[[control]]
does = "lock"
note = 65
pad = 3
[[control]]
does = "next_pad"
note = 66
[[control]]
does = "previous_pad"
note = 67
[[control]]
does = "tap"
note = 68
[[control]]
does = "keep_seed"
note = 69
[[control]]
does = "cancel"
note = 70
[[control]]
does = "select"
note = 71
pad = 16
"""


@pytest.fixture
def scene(tmp_path: Path) -> MidiScene:
    return MidiScene(tmp_path)


def test_the_pad_hit_last_is_made_again_varied_and_made_new_without_leaving_the_pads(
    scene: MidiScene,
) -> None:
    scene.map(BUTTONS)
    scene.make("kick", 0)
    scene.make("snare", 2)
    scene.play(0x90, 38, 100)
    scene.play(0x90, 60, 100)
    assert scene.pads[2].state == "pending" and scene.session.selected == 2
    assert scene.did() == "Again, pad 3"
    scene.finish()
    assert len(scene.pads[2].takes.items) == 2 and len(scene.pads[0].takes.items) == 1
    scene.play(0xB0, 20, 127)
    scene.finish()
    scene.session.prompt = "hat"
    scene.play(0xC0, 4)
    scene.finish()
    assert [take.recipe.prompt for take in scene.pads[2].takes.items if take.recipe] == [
        "snare",
        "snare",
        "snare",
        "hat",
    ]


def test_a_pad_selected_by_hand_afterwards_is_what_is_made(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    scene.make("kick", 0)
    scene.play(0x90, 38, 100)
    scene.session.select(7)
    scene.play(0xC0, 4)
    assert scene.pads[7].state == "pending"


def test_what_cannot_be_is_said_in_the_log_and_to_the_player(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    scene.play(0xB0, 20, 127)
    assert scene.did() == "Vary, pad 1: not now"
    assert "no sound on this pad" in scene.said()[-1]


def test_takes_are_walked_and_pads_locked(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    scene.make("kick")
    scene.make("snare")
    scene.play(0x90, 63, 1)
    assert scene.pads[0].takes.index == 0
    scene.play(0x90, 64, 1)
    assert scene.pads[0].takes.index == 1
    scene.play(0x90, 65, 1)
    assert scene.pads[2].locked and scene.session.selected == 2
    scene.play(0x90, 65, 1)
    assert not scene.pads[2].locked


def test_a_held_note_records_and_lets_go(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    scene.play(0x90, 61, 1)
    assert scene.session.recording and scene.did() == "recording"
    scene.play(0x80, 61, 0)
    assert not scene.session.recording and scene.did() == "recording ended"
    scene.play(0x90, 62, 1)
    scene.play(0x80, 62, 0)
    assert scene.session.recording
    scene.play(0xB0, 121, 0)
    assert not scene.session.recording


def test_pads_are_stepped_through_and_chosen(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    for note, selected in ((66, 1), (67, 0), (67, 15), (66, 0), (71, 15)):
        scene.play(0x90, note, 1)
        assert scene.session.selected == selected


def test_the_tempo_is_tapped_where_the_window_taps_it(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    scene.play(0x90, 68, 1)
    assert scene.called == ["tap"]


def test_the_seed_is_kept_and_freed(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    scene.play(0x90, 69, 1)
    assert scene.session.seed is None and "not now" in scene.did()
    scene.make()
    take = scene.pads[0].takes.current
    assert take is not None and take.recipe is not None
    scene.play(0x90, 69, 1)
    assert scene.session.seed == take.recipe.seed is not None
    scene.play(0x90, 69, 1)
    assert scene.session.seed is None


def test_what_is_being_made_is_dropped(scene: MidiScene) -> None:
    scene.map(BUTTONS)
    scene.play(0x90, 60, 1)
    scene.session.prompt = "kick"
    scene.play(0x90, 60, 1)
    assert scene.pads[0].state == "pending"
    scene.play(0x90, 70, 1)
    scene.loop.run_posted()
    assert scene.pads[0].state == "empty"


# --- values ---


def knob(does: str, more: str = "") -> str:
    return f'[[control]]\ndoes = "{does}"\ncc = 1\n{more}'


@pytest.mark.parametrize(
    ("does", "read", "at_0", "at_127"),
    [
        ("strength", lambda scene: scene.session.strength, 0.01, 1.0),
        ("steps", lambda scene: scene.session.steps, 1, 8),
        ("length", lambda scene: scene.session.seconds, SHORTEST_S, LONGEST_S),
        ("tempo", lambda scene: scene.session.bpm, 60.0, 200.0),
        ("pad_level", lambda scene: scene.pads[0].parameters.gain_db, -60.0, 12.0),
        ("start", lambda scene: scene.pads[0].parameters.start, 0.0, 0.999),
        ("swap_at", lambda scene: SWAP_AT.index(scene.session.swap_at), 0, 3),
        ("low_pass", lambda scene: scene.pads[0].parameters.low_pass_hz, 20.0, 20_000.0),
        ("high_pass", lambda scene: scene.pads[0].parameters.high_pass_hz, 20.0, 20_000.0),
        ("pan", lambda scene: scene.pads[0].parameters.pan, -1.0, 1.0),
        ("tune", lambda scene: scene.pads[0].parameters.tune, -24.0, 24.0),
        ("attack", lambda scene: scene.pads[0].parameters.attack_s, 0.0, 5.0),
        ("decay", lambda scene: scene.pads[0].parameters.decay_s, 0.0, 10.0),
        ("release", lambda scene: scene.pads[0].parameters.release_s, 0.005, 10.0),
        ("velocity_curve", lambda scene: scene.pads[0].parameters.velocity_curve, 0.0, 4.0),
        ("master_gain", lambda scene: scene.session.master_gain_db, -60.0, 6.0),
        ("choke_group", lambda scene: scene.pads[0].parameters.choke_group, 0, 8),
    ],
)
def test_a_knob_moves_its_value_from_end_to_end(
    scene: MidiScene,
    does: str,
    read: object,
    at_0: float,
    at_127: float,
) -> None:
    assert callable(read)
    scene.map(knob(does))
    for place in (0, 127, 0):
        scene.play(0xB0, 1, place)
    assert read(scene) == pytest.approx(at_0)
    scene.play(0xB0, 1, 127)
    assert read(scene) == pytest.approx(at_127)


@pytest.mark.parametrize(
    ("does", "read", "place"),
    [
        ("pan", lambda scene: scene.pads[0].parameters.pan, 64),
        ("tune", lambda scene: scene.pads[0].parameters.tune, 63),
        ("pad_level", lambda scene: scene.pads[0].parameters.gain_db, 106),
        ("master_gain", lambda scene: scene.session.master_gain_db, 115),
    ],
)
def test_a_knob_finds_the_middle_and_the_level_as_it_is(
    scene: MidiScene, does: str, read: object, place: int
) -> None:
    """Of 128 places none is the middle: with 64, a pan in the middle was one of 0.01."""
    assert callable(read)
    scene.map(knob(does))
    for turned in (0, 127, place):
        scene.play(0xB0, 1, turned)
    assert read(scene) == 0.0


def test_play_modes_are_turned_through(scene: MidiScene) -> None:
    scene.map(knob("play_mode"))
    seen = []
    for place in range(128):
        scene.play(0xB0, 1, place)
        seen.append(scene.pads[0].parameters.mode)
    assert list(dict.fromkeys(seen)) == list(PAD_MODES)


def test_a_knob_waits_until_it_passes_the_value_and_says_so(scene: MidiScene) -> None:
    scene.map(knob("strength"))
    scene.session.strength = 0.7
    scene.play(0xB0, 1, 10)
    assert scene.session.strength == 0.7
    assert scene.did() == "waits until it passes 0.70"
    scene.play(0xB0, 1, 90)
    assert scene.session.strength == pytest.approx(0.71, abs=0.01)
    assert scene.did() == "Strength: 0.71"
    scene.session.strength = 0.2
    scene.play(0xB0, 1, 91)
    assert scene.session.strength == 0.2


def test_a_map_may_narrow_a_knob_and_let_it_jump(scene: MidiScene) -> None:
    scene.map(knob("strength", "least = 0.3\nmost = 0.9\ntakeover = false"))
    scene.play(0xB0, 1, 0)
    assert scene.session.strength == pytest.approx(0.3)
    scene.play(0xB0, 1, 127)
    assert scene.session.strength == pytest.approx(0.9)


def test_a_map_beyond_what_is_possible_stays_within_it(scene: MidiScene) -> None:
    scene.map(knob("strength", "least = -5.0\nmost = 7.0\ntakeover = false"))
    scene.play(0xB0, 1, 127)
    assert scene.session.strength == 1.0
    scene.map(knob("strength", "least = 2.0\nmost = 2.0\ntakeover = false"))
    scene.play(0xB0, 1, 127)
    assert scene.did() == "Ignored: minimum equals maximum"


def test_aftertouch_and_mod_wheel_move_the_strength(scene: MidiScene) -> None:
    scene.map('[[control]]\ndoes = "strength"\naftertouch = true')
    scene.play(0xD0, 64)
    assert scene.session.strength == pytest.approx(0.85, abs=0.01)
    scene.play(0xD0, 127)
    assert scene.session.strength == 1.0
    scene.play(0xA0, 36, 0)
    assert scene.session.strength == 0.7
    scene.map('[[control]]\ndoes = "strength"\ncc = 1')
    scene.play(0xB0, 1, 89)
    scene.play(0xB0, 1, 127)
    assert scene.session.strength == 1.0


def test_a_filter_that_a_hand_pressed_opens_again_when_it_lets_go(scene: MidiScene) -> None:
    scene.map('[[control]]\ndoes = "low_pass"\naftertouch = true')
    scene.play(0x90, 38, 100)
    scene.play(0xD0, 64)
    closed = scene.pads[2].parameters.low_pass_hz
    assert 500 < closed < 800
    scene.play(0xD0, 127)
    assert scene.pads[2].parameters.low_pass_hz == pytest.approx(20)
    scene.play(0x90, 36, 100)
    scene.play(0xD0, 64)
    assert scene.pads[2].parameters.low_pass_hz == 20_000
    assert scene.pads[0].parameters.low_pass_hz == pytest.approx(closed)
    scene.play(0xD0, 0)
    assert scene.pads[0].parameters.low_pass_hz == 20_000


def test_a_press_leads_to_the_end_its_map_names(scene: MidiScene) -> None:
    scene.map('[[control]]\ndoes = "low_pass"\naftertouch = true\nmost = 500')
    scene.play(0xD0, 1)
    assert 18_000 < scene.pads[0].parameters.low_pass_hz < 20_000
    scene.play(0xD0, 127)
    assert scene.pads[0].parameters.low_pass_hz == pytest.approx(500)


def test_what_another_hand_moved_meanwhile_stays_where_it_was_put(scene: MidiScene) -> None:
    scene.map('[[control]]\ndoes = "strength"\naftertouch = true')
    scene.play(0xD0, 64)
    scene.session.strength = 0.2
    scene.play(0xD0, 0)
    assert scene.session.strength == 0.2
    scene.play(0xD0, 64)
    scene.session.strength = 0.3
    scene.play(0xD0, 64)
    scene.play(0xB0, 121, 0)
    assert scene.session.strength == 0.3


def test_switches_and_choices_of_the_window_are_reached_too(scene: MidiScene) -> None:
    presses = (
        *("play_back", "sixteen_notes", "reverse", "count_in", "resample", "perform"),
        "full_level",
    )
    values = ("note_repeat", "loop_bars", "layers", "record_start", "record_bars")
    scene.map(
        "".join(f'[[control]]\ndoes = "{name}"\nnote = {n}\n' for n, name in enumerate(presses))
        + "".join(f'[[control]]\ndoes = "{name}"\ncc = {n + 20}\n' for n, name in enumerate(values))
    )
    for number in range(len(presses)):
        scene.play(0x90, number, 100)
    for number in range(len(values)):
        scene.play(0xB0, 20 + number, 0)
        scene.play(0xB0, 20 + number, 127)
    session, parameters = scene.session, scene.pads[0].parameters
    assert session.count_in and session.record_from == "played" and scene.called == ["perform"]
    assert (session.record_start, session.record_bars) == ("four_bars", 4)
    scene.play(0x90, 4, 100)
    assert session.record_from == "input"
    assert not session.hear_recordings and session.sixteen_notes and parameters.reverse
    assert session.full_level
    assert (session.note_repeat, parameters.loop_bars, parameters.layers) == (0.125, 8, "velocity")
    scene.play(0x90, 2, 100)
    assert not scene.pads[0].parameters.reverse


def test_reset_lets_no_knob_hold_on_to_a_value(scene: MidiScene) -> None:
    scene.map(knob("strength"))
    scene.session.strength = 0.01
    scene.play(0xB0, 1, 0)
    scene.play(0xB0, 1, 60)
    moved = scene.session.strength
    scene.play(0xB0, 121, 0)
    scene.play(0xB0, 1, 100)
    assert scene.session.strength == moved


def test_pressing_harder_opens_the_filter_of_the_pad_hit_last(scene: MidiScene) -> None:
    scene.map('[[control]]\ndoes = "low_pass"\naftertouch = true\nleast = 200\nmost = 12800')
    scene.play(0x90, 38, 100)
    scene.play(0xD0, 0)
    assert scene.pads[2].parameters.low_pass_hz == pytest.approx(200)
    scene.play(0xD0, 127)
    assert scene.pads[2].parameters.low_pass_hz == pytest.approx(12_800)
    assert scene.pads[0].parameters.low_pass_hz == 20_000


def test_a_program_change_opens_a_kit(scene: MidiScene, tmp_path: Path) -> None:
    scene.make("kick")
    scene.kit_file.save(tmp_path / "Night.pingpad")
    scene.make("snare", 5)
    scene.map(f'[[control]]\ndoes = "kit"\nprogram = 2\nkit = "{tmp_path}/Night.pingpad"')
    scene.play(0xC9, 2)
    scene.loop.run_posted()
    assert scene.session.kit.name == "Night" and scene.pads[5].takes.items == ()
    assert scene.kit_file.folder == tmp_path / "Night.pingpad"
    scene.map('[[control]]\ndoes = "kit"\nprogram = 2\nkit = "/nowhere"')
    scene.said()
    scene.play(0xC9, 2)
    assert scene.said() and scene.session.kit.name == "Night"


def test_a_knob_swept_while_the_main_thread_is_busy_has_passed_its_value(
    scene: MidiScene,
) -> None:
    scene.map(knob("strength"))
    for place in range(128):
        scene.midi.router.receive(bytes([0xB0, 1, place]), 1.0, "Pads")
    scene.loop.run_posted()
    assert scene.session.strength == 1.0


def test_the_ends_of_a_sound_never_cross(scene: MidiScene) -> None:
    scene.map(
        '[[control]]\ndoes = "start"\ncc = 1\ntakeover = false\n'
        '[[control]]\ndoes = "end"\ncc = 2\ntakeover = false'
    )
    scene.play(0xB0, 2, 64)
    scene.play(0xB0, 1, 127)
    parameters = scene.pads[0].parameters
    assert (
        parameters.start == pytest.approx(64 / 127, abs=0.01) and parameters.start < parameters.end
    )
    scene.play(0xB0, 2, 0)
    assert scene.pads[0].parameters.end > scene.pads[0].parameters.start


def test_the_metronome_is_switched_and_a_bar_begun(scene: MidiScene) -> None:
    scene.map('[[control]]\ndoes = "metronome"\nnote = 80\n[[control]]\ndoes = "beat_1"\nnote = 81')
    for note in (80, 81):
        scene.play(0x90, note, 1)
    assert scene.session.metronome and scene.called == ["start bar"]
