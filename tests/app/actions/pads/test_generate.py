from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.model.session import EngineState
from engine.api import Failed, Finished, Progress, Recipe, Restarted
from tests.fakes.app.playing_scene import PlayingScene
from tests.fakes.engine.engine_thread import TIMING, tone
from tests.log_watch import LogWatch


def test_enter_makes_a_take_loads_it_and_keeps_it_on_disk(scene: PlayingScene) -> None:
    scene.session.prompt, scene.session.steps = "  punchy 909 kick ", 4
    pad = scene.pads[0]
    assert scene.generate.generate()
    assert pad.state == "pending"
    asked = scene.engine.asked[scene.engine.newest]
    assert asked.slot == "pad 0" and asked.source is None
    assert asked.recipe.prompt == "punchy 909 kick" and asked.recipe.steps == 4
    scene.engine.progress(scene.engine.newest, 2, 4)
    scene.loop.run_posted()
    assert (pad.state, pad.progress) == ("generating", 0.5)
    clip = scene.engine.finish()
    scene.loop.run_posted()
    take = pad.takes.current
    assert take is not None and take.clip is clip
    assert take.recipe is not None and take.recipe.seed is not None
    assert (take.kind, take.created, take.whole_ms) == ("generated", 1000.0, 100.0)
    assert (pad.state, pad.loaded, pad.title) == ("ready", take, "punchy 909 kick")
    assert scene.mixer.sounds[0] is not None
    assert scene.store.file_for(take) is not None
    assert scene.session.engine.last_ms == 100.0
    assert scene.said() == []


def test_the_old_sound_stays_until_the_new_one_is_prepared(scene: PlayingScene) -> None:
    scene.make("kick")
    pad, old = scene.pads[0], scene.mixer.sounds[0]
    first = pad.loaded
    scene.generate.generate()
    scene.background.held = []
    scene.finish()
    assert pad.takes.current is not first
    assert pad.loaded is first and scene.mixer.sounds[0] is old
    scene.background.let_go()
    assert pad.loaded is pad.takes.current and scene.mixer.sounds[0] is not old


def test_the_newest_wish_of_a_pad_replaces_the_older(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate()
    older = scene.engine.newest
    scene.session.prompt = "snare"
    scene.generate.generate()
    scene.loop.run_posted()
    assert older not in scene.engine.open
    assert scene.pads[0].state == "pending"
    scene.finish()
    assert [take.name for take in scene.pads[0].takes.items] == ["snare"]


def test_an_older_wish_that_was_ready_first_is_kept_too(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate()
    older = scene.engine.newest
    scene.engine.finish(older)
    scene.session.prompt = "snare"
    scene.generate.generate()
    scene.loop.run_posted()
    pad = scene.pads[0]
    assert [take.name for take in pad.takes.items] == ["kick"]
    assert pad.state == "pending" and pad.loaded is pad.takes.current
    scene.finish()
    assert [take.name for take in pad.takes.items] == ["kick", "snare"]
    assert pad.state == "ready"


def test_two_pads_are_made_independently(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate(1)
    first = scene.engine.newest
    scene.generate.generate(2)
    scene.finish()
    scene.finish(first)
    assert [len(scene.pads[index].takes.items) for index in (0, 1, 2)] == [0, 1, 1]


def test_a_locked_pad_refuses_and_says_so(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.pads[3].locked = True
    assert not scene.generate.generate(3)
    assert scene.engine.asked == {}
    assert scene.said() == ["Pad 4 is locked; unlock it first."]


def test_a_pad_locked_meanwhile_keeps_its_sound_and_gets_the_take_beside(
    scene: PlayingScene,
) -> None:
    scene.make("kick")
    pad = scene.pads[0]
    old, sound = pad.takes.current, scene.mixer.sounds[0]
    scene.generate.generate()
    pad.locked = True
    scene.finish()
    assert pad.takes.current is old and scene.mixer.sounds[0] is sound
    assert len(pad.takes.items) == 2 and pad.state == "ready"
    assert "was added to its takes" in scene.said()[0]


def test_a_failure_shows_why_and_the_old_sound_stays(scene: PlayingScene) -> None:
    scene.make("kick")
    pad = scene.pads[0]
    old = pad.loaded
    scene.generate.generate()
    scene.engine.fail(message="The engine ran out of memory. Use fewer seconds.")
    scene.loop.run_posted()
    assert pad.state == "failed" and pad.message.startswith("The engine ran out of memory")
    assert pad.loaded is old and pad.takes.current is old
    assert scene.said() == ["Pad 1: The engine ran out of memory. Use fewer seconds."]
    scene.make("kick")
    assert pad.state == "ready" and pad.message == ""


def test_a_cancelled_wish_leaves_the_pad_as_it_was(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate()
    scene.generate.cancel()
    scene.loop.run_posted()
    assert scene.pads[0].state == "empty" and scene.engine.open == []
    scene.make("kick")
    scene.generate.generate()
    scene.generate.cancel(0)
    scene.loop.run_posted()
    assert scene.pads[0].state == "ready"
    scene.generate.cancel(5)


def test_a_worker_that_dies_fails_its_jobs_and_the_player_is_told(scene: PlayingScene) -> None:
    scene.engine.ready()
    scene.session.prompt = "kick"
    scene.generate.generate(0)
    scene.generate.generate(1)
    scene.engine.die()
    scene.loop.run_posted()
    assert scene.pads[0].state == scene.pads[1].state == "failed"
    assert scene.said()[-1] == "The engine had stopped and was started again."
    assert not scene.session.engine.ready
    scene.engine.ready()
    scene.make("kick")
    assert scene.session.engine.ready and scene.pads[0].state == "ready"


def test_an_engine_that_cannot_work_says_so_and_is_not_shown_ready(scene: PlayingScene) -> None:
    scene.engine.ready()
    scene.engine.say(Failed(None, "There is no model. Install Pingpad again."))
    scene.loop.run_posted()
    assert not scene.session.engine.ready
    assert scene.session.engine.text == "There is no model. Install Pingpad again."


def test_a_ready_engine_is_shown_with_what_it_measured(scene: PlayingScene) -> None:
    scene.engine.ready()
    scene.loop.run_posted()
    assert scene.session.engine == EngineState(
        "Ready in 1.5 s", ready=True, model="embedded", device="CPU, 2 cores, float32"
    )


def test_answers_nobody_waits_for_are_logged_and_let_go(
    scene: PlayingScene, log_watch: LogWatch
) -> None:
    log_watch.expect("99", 2)
    log_watch.expect("nonsense", 1)
    for answer in (Progress(99, 1, 8), Failed(99, "no"), "nonsense"):
        scene.engine.say(answer)
    scene.loop.run_posted()
    assert all(pad.state == "empty" for pad in scene.pads)
    scene.engine.say(Restarted("Started again."))
    scene.loop.run_posted()


def test_a_sound_made_for_a_kit_that_is_gone_is_kept_on_disk_only(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate()
    scene.generate.forget_requests()
    scene.session.kit.restore(scene.session.kit.record())
    scene.finish()
    assert scene.pads[0].takes.items == () and scene.pads[0].state == "empty"
    assert len(list(scene.store.folder.glob("kick_*.wav"))) == 1
    assert "takes folder" in scene.said()[-1]


BAD_PANELS = [
    ({"prompt": ""}, "the prompt is empty"),
    ({"prompt": " \t\n"}, "the prompt is empty"),
    ({"prompt": "x" * 10_000}, "at most 1000 characters, got 10000"),
    ({"seconds": 0.0}, "Seconds must be"),
    ({"seconds": -1.0}, "Seconds must be"),
    ({"seconds": math.nan}, "Seconds must be"),
    ({"seconds": 1e9}, "Seconds must be"),
    ({"steps": 0}, "Steps must be"),
    ({"seed": -1}, "seed must be"),
    ({"length_unit": "bars", "bars": 9}, "9 bars last 18.0 s at 120 bpm"),
    ({"length_unit": "bars", "bpm": math.nan}, "tempo must be"),
]


@pytest.mark.parametrize(("panel", "words"), BAD_PANELS)
def test_nonsense_in_the_panel_is_refused_in_a_sentence_and_changes_nothing(
    scene: PlayingScene, panel: dict[str, object], words: str
) -> None:
    scene.session.prompt = "kick"
    for name, value in panel.items():
        setattr(scene.session, name, value)
    assert not scene.generate.generate()
    (text,) = scene.said()
    assert words in text
    assert scene.engine.asked == {} and scene.pads[0].state == "empty"


@pytest.mark.parametrize("prompt", ["🥁🔥", "qwxz blorp", "Übergroßer Paukenschlag"])
def test_words_nobody_knows_are_passed_on(scene: PlayingScene, prompt: str) -> None:
    scene.make(prompt)
    assert scene.pads[0].title == prompt


@pytest.mark.parametrize(
    ("prompt", "made"),
    [
        ("house loop", "house loop, 96 bpm"),
        ("house loop, 120 BPM", "house loop, 120 BPM"),
        ("house loop 100bpm", "house loop 100bpm"),
        ("bpm chaos", "bpm chaos, 96 bpm"),
    ],
)
def test_a_prompt_in_bars_names_its_tempo_and_the_recipe_shows_it(
    scene: PlayingScene, prompt: str, made: str
) -> None:
    scene.session.length_unit, scene.session.bars, scene.session.bpm = "bars", 2, 96.0
    scene.make(prompt)
    take = scene.pads[0].takes.current
    assert take is not None and take.recipe is not None
    assert take.recipe.prompt == made
    assert take.recipe.seconds == 5.0
    assert scene.session.prompt == prompt


def test_again_is_the_same_recipe_with_another_seed(scene: PlayingScene) -> None:
    scene.session.seed = 7
    scene.make("kick")
    scene.session.prompt, scene.session.steps = "something else", 1
    scene.session.set_engine(replace(scene.session.engine, model="another"))
    assert scene.generate.again()
    recipe = scene.engine.asked[scene.engine.newest].recipe
    assert (recipe.prompt, recipe.steps, recipe.seed) == ("kick", 8, None)
    assert recipe.model == "another"
    scene.finish()
    first, second = scene.pads[0].takes.items
    assert first.recipe is not None and second.recipe is not None
    assert first.recipe.seed != second.recipe.seed


def test_again_on_an_empty_pad_generates(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    assert scene.generate.again()
    assert scene.engine.asked[scene.engine.newest].recipe.prompt == "kick"


def test_vary_starts_from_the_pads_own_sound_at_the_panels_strength(scene: PlayingScene) -> None:
    scene.session.strength = 0.4
    scene.make("kick")
    take = scene.pads[0].takes.current
    assert take is not None
    assert scene.generate.vary()
    asked = scene.engine.asked[scene.engine.newest]
    assert asked.source is take.clip
    assert (asked.recipe.prompt, asked.recipe.strength) == ("kick", 0.4)
    assert asked.recipe.source == take.id and asked.recipe.seconds == take.clip.seconds


def test_vary_goes_towards_words_typed_since_the_panel_was_used(scene: PlayingScene) -> None:
    scene.make("kick")
    scene.session.prompt = "metal snare"
    assert scene.generate.vary()
    assert scene.engine.asked[scene.engine.newest].recipe.prompt == "metal snare"


def test_vary_keeps_a_sounds_own_words_when_the_panels_belong_to_another_pad(
    scene: PlayingScene,
) -> None:
    scene.make("kick", pad=0)
    scene.make("snare", pad=1)
    scene.generate.vary(0)
    assert scene.engine.asked[scene.engine.newest].recipe.prompt == "kick"
    scene.session.prompt = ""
    scene.generate.vary(0)
    assert scene.engine.asked[scene.engine.newest].recipe.prompt == "kick"


def test_again_after_vary_starts_from_the_same_source(scene: PlayingScene) -> None:
    scene.make("kick")
    source = scene.pads[0].takes.items[0]
    scene.generate.vary()
    scene.finish()
    assert scene.generate.again()
    asked = scene.engine.asked[scene.engine.newest]
    assert asked.source is source.clip and asked.recipe.source == source.id


def test_again_without_its_source_says_what_to_do(scene: PlayingScene) -> None:
    scene.make("kick")
    scene.generate.vary()
    scene.finish()
    pad = scene.pads[0]
    pad.takes.replace_all(pad.takes.items[1:], 0)
    assert not scene.generate.again()
    assert "use Vary" in scene.said()[-1]


def test_vary_without_a_sound_or_with_bad_strength_is_refused(scene: PlayingScene) -> None:
    assert not scene.generate.vary()
    assert scene.said() == ["There is no sound on this pad to vary yet."]
    scene.make("kick")
    for strength in (0.0, 1.5, math.nan):
        scene.session.strength = strength
        assert not scene.generate.vary()
        assert "Strength must be" in scene.said()[-1]


def test_a_source_longer_than_the_engine_can_do_is_cut(scene: PlayingScene) -> None:
    scene.make("kick")
    job_clip = tone(20.0)
    scene.generate.generate()
    scene.engine.finish(clip=job_clip)
    scene.loop.run_posted()
    assert scene.generate.vary()
    asked = scene.engine.asked[scene.engine.newest]
    assert asked.source is not None and asked.source.seconds == 12.0
    assert asked.recipe.seconds == 12.0


def test_an_empty_pad_plays_the_beginning_until_the_whole_is_there(scene: PlayingScene) -> None:
    scene.session.prompt = "long pad"
    scene.generate.generate()
    scene.engine.begin(scene.engine.newest, tone(0.25))
    scene.loop.run_posted()
    begun = scene.mixer.sounds[0]
    assert begun is not None and abs(len(begun) - 12_000) <= 64
    assert scene.pads[0].loaded is None and not scene.pads[0].takes.items
    scene.finish()
    whole = scene.mixer.sounds[0]
    assert whole is not None and len(whole) > len(begun)


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_a_beginning_goes_with_its_job(scene: PlayingScene, end: str) -> None:
    scene.session.prompt = "long pad"
    scene.generate.generate()
    scene.engine.begin(scene.engine.newest, tone(0.25))
    scene.loop.run_posted()
    scene.generate.cancel() if end == "cancel" else scene.engine.fail()
    scene.loop.run_posted()
    assert scene.mixer.sounds[0] is None
    assert scene.pads[0].state == ("empty" if end == "cancel" else "failed")


def test_a_sound_is_not_replaced_by_a_beginning(scene: PlayingScene) -> None:
    scene.make("kick")
    kick = scene.mixer.sounds[0]
    scene.generate.generate()
    scene.engine.begin(scene.engine.newest, tone(0.25))
    scene.loop.run_posted()
    assert scene.mixer.sounds[0] is kick


def test_a_beginning_prepared_late_stays_away(scene: PlayingScene) -> None:
    scene.session.prompt = "long pad"
    scene.generate.generate()
    held: list[Callable[[], None]] = []
    scene.background.held = held
    scene.engine.begin(scene.engine.newest, tone(0.25))
    scene.loop.run_posted()
    scene.finish()
    for outcome in reversed(held):
        outcome()
    assert scene.pads[0].loaded is scene.pads[0].takes.current is not None
    whole = scene.mixer.sounds[0]
    assert whole is not None and len(whole) > 40_000


def test_what_could_not_be_done_as_usual_is_said(scene: PlayingScene) -> None:
    scene.session.prompt = "kick"
    scene.generate.generate()
    job = scene.engine.newest
    scene.engine.open.remove(job)
    scene.engine.say(Finished(job, Recipe("kick", seed=1), tone(1.0), TIMING, "Memory is short."))
    scene.loop.run_posted()
    assert scene.said() == ["Memory is short."]
