"""(a) Prompt to pad: Enter, a job, a take, the old sound until the new one is there."""

from __future__ import annotations

import numpy as np

from engine.files.audio import read_clip
from tests.fakes.app.whole_instrument import WholeInstrument


def test_a_typed_sound_is_made_lands_on_the_pad_is_heard_and_is_on_disk(
    instrument: WholeInstrument,
) -> None:
    instrument.engine.ready()
    instrument.make("punchy 909 kick", 0)
    take = instrument.pads[0].takes.current
    assert take is not None and take.recipe is not None and take.recipe.seed is not None
    instrument.actions.pad_trigger.hit(0)
    assert np.abs(instrument.hear()).max() > 0.1
    (file,) = instrument.files()
    assert file.name == "punchy-909-kick_001.wav"
    assert np.array_equal(read_clip(file).samples, take.clip.samples)
    assert instrument.session.engine.ready
    assert instrument.session.engine.last_ms == 100.0


def test_while_a_sound_is_made_a_hit_plays_the_old_one(instrument: WholeInstrument) -> None:
    instrument.make("kick", 0)
    instrument.actions.pad_trigger.hit(0)
    old = instrument.hear()
    instrument.session.prompt = "snare"
    instrument.actions.generate.generate(0)
    instrument.engine.progress(instrument.engine.newest, 3)
    instrument.until(lambda: instrument.pads[0].state == "generating")
    instrument.hear(1.5)
    instrument.actions.pad_trigger.hit(0)
    assert np.abs(instrument.hear() - old).max() < 1e-4
    instrument.engine.finish()
    instrument.until(lambda: instrument.pads[0].title == "snare")
    instrument.until_playable(0)
    instrument.hear(1.5)
    instrument.actions.pad_trigger.hit(0)
    assert np.abs(instrument.hear() - old).max() > 0.1


def test_a_sound_that_is_playing_when_the_next_take_lands_plays_on(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 0)
    instrument.actions.pad_trigger.hit(0)
    whole = instrument.hear(0.5)
    instrument.hear(1.5)
    instrument.actions.pad_trigger.hit(0)
    first = instrument.hear(0.25)
    instrument.make("snare", 0)
    second = instrument.hear(0.25)
    assert np.abs(np.concatenate([first, second]) - whole).max() < 1e-4


def test_undo_is_heard_at_the_next_hit(instrument: WholeInstrument) -> None:
    instrument.make("kick", 0)
    instrument.actions.pad_trigger.hit(0)
    first = instrument.hear()
    instrument.make("snare", 0)
    instrument.hear(1.5)
    instrument.actions.takes.undo(0)
    instrument.until_playable(0)
    instrument.actions.pad_trigger.hit(0)
    assert np.abs(instrument.hear() - first).max() < 1e-4


def test_a_killed_engine_is_told_and_the_next_wish_works(instrument: WholeInstrument) -> None:
    instrument.session.prompt = "kick"
    instrument.actions.generate.generate(0)
    instrument.engine.die()
    instrument.until(lambda: instrument.pads[0].state == "failed")
    instrument.loop.run_posted()
    assert instrument.said()[-1] == "The engine had stopped and was started again."
    instrument.make("kick", 0)
    assert instrument.pads[0].state == "ready"
