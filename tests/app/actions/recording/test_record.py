from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.audio.mixer.pad_parameters import PadParameters
from app.model.parameters import RecordStart
from engine.clip import Clip
from tests.fakes.app.playing_scene import PlayingScene
from tests.fakes.app.sound import NO_CARD
from tests.fakes.engine.engine_thread import tone


def hum(seconds: float = 0.5, before_s: float = 0.25) -> Clip:
    """Silence, a sound, silence: mono, 48 kHz, as a microphone gives it."""
    sound = tone(seconds, 220.0, 48_000).samples[:, :1] + np.float32(0.0)
    silence = np.zeros((int(before_s * 48_000), 1), np.float32)
    return Clip(np.concatenate([silence, sound, silence]), 48_000)


def test_hold_and_release_puts_the_trimmed_sound_on_the_pad(scene: PlayingScene) -> None:
    scene.session.select(6)
    scene.recorder.coming = hum()
    scene.record.press()
    assert scene.session.recording and scene.recorder.running
    scene.record.release()
    scene.loop.run_posted()
    assert not scene.session.recording
    pad = scene.pads[6]
    take = pad.takes.current
    assert take is not None and (take.kind, take.recipe, take.name) == (
        "recorded",
        None,
        "recording",
    )
    assert take.clip.seconds < 0.6
    assert pad.state == "ready" and pad.loaded is take
    assert scene.store.file_for(take) is not None
    assert scene.engine.asked == {}


def test_with_a_prompt_the_recording_becomes_what_the_prompt_says(scene: PlayingScene) -> None:
    scene.session.prompt, scene.session.strength = "brass stab", 0.6
    scene.recorder.coming = hum()
    scene.record.press()
    scene.record.release()
    pad = scene.pads[0]
    recording = pad.takes.current
    assert recording is not None and pad.state == "pending"
    asked = scene.engine.asked[scene.engine.newest]
    assert asked.source is recording.clip
    assert (asked.recipe.strength, asked.recipe.source) == (0.6, recording.id)
    assert asked.recipe.seconds == recording.clip.seconds
    scene.finish()
    assert [take.kind for take in pad.takes.items] == ["recorded", "generated"]


def test_the_panels_length_and_tempo_do_not_change_a_beats_length(scene: PlayingScene) -> None:
    scene.session.prompt, scene.session.length_unit, scene.session.bars = "beat", "bars", 99
    scene.recorder.coming = hum()
    scene.record.toggle()
    scene.record.toggle()
    recipe = scene.engine.asked[scene.engine.newest].recipe
    assert recipe.seconds < 1.0


def test_toggle_starts_and_ends(scene: PlayingScene) -> None:
    scene.recorder.coming = hum()
    scene.record.toggle()
    assert scene.session.recording
    scene.record.toggle()
    assert not scene.session.recording and scene.pads[0].takes.current is not None


def test_a_second_press_and_a_stray_release_do_nothing(scene: PlayingScene) -> None:
    scene.record.release()
    scene.record.press()
    scene.record.press()
    assert scene.recorder.running


def test_the_recording_belongs_to_the_pad_it_was_started_on(scene: PlayingScene) -> None:
    scene.recorder.coming = hum()
    scene.record.press()
    scene.session.select(9)
    scene.record.release()
    assert scene.pads[0].takes.current is not None and scene.pads[9].takes.current is None


@pytest.mark.parametrize(
    "coming",
    [None, Clip(np.zeros((4800, 1), np.float32), 48_000)],
    ids=["nothing", "silence"],
)
def test_silence_is_said_and_changes_nothing(scene: PlayingScene, coming: Clip | None) -> None:
    scene.session.prompt = "kick"
    scene.recorder.coming = coming
    scene.record.press()
    scene.record.release()
    assert scene.said()[0].startswith("No sound came in.")
    assert scene.pads[0].takes.items == () and scene.engine.asked == {}


def test_a_long_recording_is_kept_whole_and_its_beginning_made_into_a_sound(
    scene: PlayingScene,
) -> None:
    scene.session.prompt = "pad"
    steady = np.full((15 * 48_000, 1), 0.25, np.float32)
    scene.recorder.coming = Clip(steady, 48_000)
    scene.record.press()
    scene.record.release()
    take = scene.pads[0].takes.current
    assert take is not None and take.clip.seconds == 15.0
    assert scene.said() == [
        "The recording lasts 15.0 s; the sound is made from its first 12 s.",
    ]
    assert scene.engine.asked[scene.engine.newest].recipe.seconds == 12.0


def test_no_microphone_is_said(scene: PlayingScene) -> None:
    for state in (None, NO_CARD):
        scene.session.audio = state
        scene.record.press()
        assert "no input" in scene.said()[0] and not scene.session.recording


def test_a_microphone_pulled_out_meanwhile_keeps_what_came(scene: PlayingScene) -> None:
    scene.recorder.coming = hum()
    scene.record.press()
    assert scene.session.audio is not None
    scene.session.audio = replace(scene.session.audio, input_name=None)
    scene.record.release()
    assert scene.pads[0].takes.current is not None


def test_a_locked_pad_does_not_record(scene: PlayingScene) -> None:
    scene.pads[0].locked = True
    scene.record.toggle()
    assert not scene.session.recording and "locked" in scene.said()[0]


def test_a_pad_locked_meanwhile_gets_the_recording_beside_and_nothing_is_generated(
    scene: PlayingScene,
) -> None:
    scene.make("kick")
    pad = scene.pads[0]
    old, jobs = pad.takes.current, len(scene.engine.asked)
    scene.recorder.coming = hum()
    scene.record.press()
    pad.locked = True
    scene.record.release()
    assert pad.takes.current is old and pad.takes.items[-1].kind == "recorded"
    assert len(scene.engine.asked) == jobs


def hums(scene: PlayingScene) -> None:
    scene.recorder.coming = hum()
    scene.record.press()
    scene.record.release()


def test_what_is_made_of_a_hum_plays_by_itself_once_it_is_on_the_pad(scene: PlayingScene) -> None:
    scene.session.prompt = "brass stab"
    hums(scene)
    assert scene.mixer.calls == []
    scene.finish()
    assert scene.mixer.calls == [("hit", 0, 1.0)]
    take = scene.pads[0].takes.current
    assert scene.pads[0].loaded is take and take is not None and take.kind == "generated"


def test_nothing_else_plays_by_itself(scene: PlayingScene) -> None:
    scene.make("kick")
    scene.session.prompt = ""
    hums(scene)
    scene.session.prompt = "brass stab"
    scene.generate.vary(0)
    scene.finish()
    scene.generate.again(0)
    scene.finish()
    assert scene.mixer.calls == []


@pytest.mark.parametrize("why", ["switched off", "a loop", "a new recording"])
def test_a_hum_does_not_come_back_when_it_would_disturb(scene: PlayingScene, why: str) -> None:
    scene.session.prompt = "brass stab"
    scene.session.hear_recordings = why != "switched off"
    if why == "a loop":
        scene.pads[0].parameters = PadParameters("loop")
    hums(scene)
    if why == "a new recording":
        scene.record.press()
    scene.finish()
    assert scene.mixer.calls == []


# --- when it begins and ends ---

NOW = 480_000
"""The frame on which the doubles stand: a bar line."""


def test_what_is_held_begins_200_ms_before_the_press(scene: PlayingScene) -> None:
    scene.recorder.coming = hum()
    scene.record.press()
    scene.record.release()
    assert scene.recorder.asked == [(NOW - 9600, None)]


def test_a_sound_begins_it_and_what_came_just_before_is_kept(scene: PlayingScene) -> None:
    scene.session.record_start = "sound"
    scene.recorder.coming = hum()
    scene.record.toggle()
    scene.record.tick()
    assert scene.session.recording and scene.record.state == "sound"
    assert not scene.recorder.running
    scene.recorder.position, scene.recorder.loud = NOW + 90_000, NOW + 70_000
    scene.record.tick()
    assert scene.record.state == "recording"
    scene.record.toggle()
    assert scene.recorder.asked == [(NOW + 70_000 - 9600, None)]


def test_bars_that_begin_with_a_sound_begin_on_it_and_end_by_themselves(
    scene: PlayingScene,
) -> None:
    scene.session.record_start, scene.session.record_bars = "sound", 2
    scene.recorder.coming = hum()
    scene.record.press()
    scene.record.release()
    scene.recorder.loud = NOW + 1000
    scene.record.tick()
    assert scene.record.state == "recording"
    first, end = NOW + 1000 - 240, NOW + 1000 - 240 + 192_000
    scene.recorder.position = end - 1
    scene.record.tick()
    assert scene.session.recording
    scene.recorder.position = end + 5000
    scene.record.tick()
    assert not scene.session.recording and scene.recorder.asked == [(first, end)]
    take = scene.pads[0].takes.current
    assert take is not None and take.clip is scene.recorder.coming


def wait(scene: PlayingScene, frame: int) -> None:
    """Time passes until a frame of the mixer, which the tapes follow."""
    scene.timing.frame = scene.recorder.position = scene.played.position = frame
    scene.record.tick()


def test_bars_of_the_input_lie_where_the_player_heard_them(scene: PlayingScene) -> None:
    assert scene.session.audio is not None
    scene.session.audio = replace(scene.session.audio, round_trip_ms=10.0)
    scene.session.record_start, scene.session.record_bars = "bar", 1
    scene.recorder.coming = hum()
    wait(scene, NOW + 30_000)
    scene.record.toggle()
    assert (scene.record.state, scene.record.beats_to_go) == ("beat", 3)
    wait(scene, NOW + 95_999)
    assert scene.record.state == "beat" and not scene.recorder.running
    wait(scene, NOW + 96_000)
    assert scene.record.state == "recording"
    wait(scene, NOW + 192_479)
    assert scene.session.recording
    wait(scene, NOW + 192_480)
    assert scene.recorder.asked == [(NOW + 96_480, NOW + 192_480)]


def test_what_is_held_on_beats_begins_and_ends_on_one(scene: PlayingScene) -> None:
    scene.session.record_start = "beat"
    scene.recorder.coming = hum()
    wait(scene, NOW + 1000)
    scene.record.press()
    wait(scene, NOW + 24_000)
    wait(scene, NOW + 50_000)
    scene.record.release()
    assert scene.session.recording
    wait(scene, NOW + 72_000)
    assert scene.recorder.asked == [(NOW + 24_000, NOW + 72_000)]


def test_let_go_before_its_beat_it_lasts_one(scene: PlayingScene) -> None:
    scene.session.record_start = "beat"
    scene.recorder.coming = hum()
    wait(scene, NOW + 1000)
    scene.record.press()
    scene.record.release()
    wait(scene, NOW + 24_000)
    wait(scene, NOW + 48_000)
    assert scene.recorder.asked == [(NOW + 24_000, NOW + 48_000)]


def test_toggled_again_what_waits_is_given_up(scene: PlayingScene) -> None:
    for start in ("sound", "bar"):
        scene.session.record_start = start
        wait(scene, scene.timing.frame + 1000)
        scene.record.toggle()
        scene.record.toggle()
        assert not scene.session.recording and scene.record.state == "resting"
    assert scene.timing.count_ins_ended == 2
    assert scene.said() == [] and scene.pads[0].takes.items == ()


def test_bars_ended_early_keep_what_there_is(scene: PlayingScene) -> None:
    scene.session.record_bars = 4
    scene.recorder.coming = hum()
    scene.record.press()
    wait(scene, NOW + 50_000)
    scene.record.press()
    assert not scene.session.recording and scene.recorder.asked == [(NOW, None)]
    assert scene.pads[0].takes.current is not None


def test_a_count_in_is_asked_for_when_it_is_on(scene: PlayingScene) -> None:
    scene.session.count_in, scene.session.record_bars = True, 1
    scene.record.press()
    assert scene.timing.counted_in == [True] and scene.record.state == "beat"


def test_what_waits_for_a_beat_begins_on_it_though_the_tempo_changes(scene: PlayingScene) -> None:
    scene.session.record_from = "played"
    scene.session.count_in, scene.session.record_bars = True, 1
    scene.played.coming = hum()
    wait(scene, NOW + 1)
    scene.record.toggle()
    scene.timing.set_tempo(240.0)
    assert scene.record.beats_to_go == 4
    wait(scene, NOW + 47_000)
    assert scene.record.state == "beat"
    wait(scene, NOW + 48_001)
    assert scene.record.state == "recording"
    scene.timing.set_tempo(60.0)
    wait(scene, NOW + 96_100)
    start = NOW + 48_001 + scene.timing.latency_frames
    assert scene.played.asked == [(start, start + 48_000)], "a bar as long as when it began"


def test_a_clock_that_jumps_away_from_the_awaited_beat_gives_the_next_one(
    scene: PlayingScene,
) -> None:
    scene.session.record_from, scene.session.record_start = "played", "bar"
    wait(scene, NOW + 1)
    scene.record.toggle()
    for jump in (-3.5, 100.5):
        scene.timing.jump_to(jump)
        scene.record.tick()
        assert scene.record.state == "beat" and 0 <= scene.record.beats_to_go <= 4


@pytest.mark.parametrize("before", ["one_shot", "toggle"])
def test_a_recording_of_whole_bars_goes_round_with_them(scene: PlayingScene, before: str) -> None:
    scene.pads[0].parameters = PadParameters(before)  # type: ignore[arg-type]
    scene.session.record_from, scene.session.record_bars = "played", 2
    scene.played.coming = hum(3.5, 0.25)
    scene.record.toggle()
    wait(scene, NOW + 192_100)
    parameters = scene.pads[0].parameters
    assert parameters.loop_bars == 2 and parameters.mode == (
        "loop" if before == "one_shot" else "toggle"
    )
    assert scene.mixer.settings[0] == parameters


def test_a_pad_locked_meanwhile_keeps_how_it_plays(scene: PlayingScene) -> None:
    scene.session.record_from, scene.session.record_bars = "played", 2
    scene.played.coming = tone_of(4.0)
    scene.record.toggle()
    scene.pads[0].locked = True
    wait(scene, NOW + 192_100)
    assert scene.pads[0].takes.items and scene.pads[0].parameters == PadParameters()


def test_what_is_not_whole_bars_plays_as_before(scene: PlayingScene) -> None:
    scene.session.record_from, scene.session.record_bars = "played", 2
    scene.played.coming = hum(2.0)
    scene.record.toggle()
    scene.record.toggle()
    scene.session.record_bars = 0
    scene.played.coming = tone_of(2.0)
    scene.record.toggle()
    scene.record.toggle()
    assert scene.pads[0].parameters == PadParameters()


def test_what_was_held_from_bar_to_bar_goes_round_too(scene: PlayingScene) -> None:
    scene.session.record_from, scene.session.record_start = "played", "bar"
    scene.played.coming = tone_of(2.0)
    scene.record.toggle()
    wait(scene, NOW)
    wait(scene, NOW + 50_000)
    scene.record.toggle()
    wait(scene, NOW + 96_100)
    assert scene.pads[0].parameters == PadParameters("loop", loop_bars=1)


def tone_of(seconds: float) -> Clip:
    return Clip(tone(seconds, 220.0, 48_000).samples, 48_000)


def test_a_tape_that_is_full_or_cut_ends_it(scene: PlayingScene) -> None:
    for what in ("full", "cut"):
        scene.recorder.coming = hum()
        scene.record.toggle()
        setattr(scene.recorder, what, True)
        scene.record.tick()
        assert not scene.session.recording and scene.pads[0].takes.current is not None
        scene.recorder.full = scene.recorder.cut = False


def test_an_input_that_went_away_ends_the_recording_keeps_it_and_says_so(
    scene: PlayingScene,
) -> None:
    scene.recorder.coming = hum()
    scene.record.toggle()
    scene.recorder.cut = True
    scene.record.tick()
    assert scene.pads[0].takes.current is not None
    assert scene.said()[-1] == "The recording was interrupted and ends there."


@pytest.mark.parametrize("start", ["bar", "sound"])
def test_a_recording_that_still_waits_when_the_input_goes_is_given_up(
    scene: PlayingScene, start: RecordStart
) -> None:
    scene.session.record_start = start
    scene.record.toggle()
    assert scene.session.recording
    scene.session.audio = NO_CARD
    scene.record.tick()
    assert not scene.session.recording and scene.record.state == "resting"
    assert scene.said() == ["The input went away before the recording began."]
    assert scene.pads[0].takes.current is None


def test_a_recording_that_begins_while_its_input_goes_ends(scene: PlayingScene) -> None:
    scene.recorder.coming = None
    scene.record.toggle()
    scene.session.audio = NO_CARD
    scene.record.tick()
    assert not scene.session.recording
    assert scene.said()[-1] == "The recording was interrupted and ends there."


def test_what_is_played_lands_on_the_pad_as_it_is_even_with_a_prompt(
    scene: PlayingScene,
) -> None:
    scene.session.record_from, scene.session.prompt = "played", "brass stab"
    scene.session.audio = NO_CARD
    scene.session.record_start, scene.session.record_bars = "bar", 1
    scene.played.coming = hum()
    wait(scene, NOW + 1)
    scene.record.toggle()
    wait(scene, NOW + 96_000)
    wait(scene, NOW + 96_000 + 96_078)
    assert scene.played.asked == [(NOW + 96_078, NOW + 192_078)]
    take = scene.pads[0].takes.current
    assert take is not None and take.clip is scene.played.coming and take.name == "resampled"
    assert scene.engine.asked == {}


def test_playing_nothing_is_said(scene: PlayingScene) -> None:
    scene.session.record_from = "played"
    scene.played.coming = Clip(np.zeros((4800, 2), np.float32), 48_000)
    scene.record.toggle()
    scene.record.toggle()
    assert scene.said() == ["The recording is silent."]
