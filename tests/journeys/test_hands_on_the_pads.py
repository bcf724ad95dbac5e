"""(f) Hands on the pads: a controller plays, makes, varies and takes back, without the window."""

from __future__ import annotations

import numpy as np

from tests.fakes.app.whole_instrument import WholeInstrument


def teach(instrument: WholeInstrument, name: str, *message: int) -> None:
    instrument.actions.midi.learn_control(name)
    instrument.midi.play(*message)
    instrument.until(lambda: instrument.actions.midi.control_learner.target is None)


def test_a_note_makes_the_pad_just_hit_again_and_the_new_sound_plays(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 0)
    instrument.make("snare", 3)
    teach(instrument, "again", 0x90, 60, 100)
    teach(instrument, "previous_take", 0xC0, 5)
    first = instrument.pads[3].takes.current
    instrument.midi.play(0x99, 39, 127)
    instrument.midi.play(0x90, 60, 100)
    instrument.until(lambda: instrument.pads[3].state == "pending")
    # The old sound is what plays until the new one is there.
    assert np.abs(instrument.hear()).max() > 0.05
    instrument.engine.finish()
    instrument.until(lambda: len(instrument.pads[3].takes.items) == 2)
    instrument.until_playable(3)
    assert len(instrument.pads[0].takes.items) == 1
    instrument.midi.play(0xC0, 5)
    instrument.until(lambda: instrument.pads[3].takes.current is first)


def test_what_was_learnt_and_chosen_is_there_after_the_next_start(
    instrument: WholeInstrument,
) -> None:
    teach(instrument, "strength", 0xB0, 7, 1)
    instrument.actions.midi.learn_pad_map()
    instrument.midi.play(0x90, 60, 100)
    instrument.until(lambda: instrument.actions.midi.pad_learner.notes is None)
    instrument.stop()
    again = WholeInstrument()
    again.start()
    try:
        setup = again.actions.midi.setup
        assert setup.pad_map.notes[0] == 60 and setup.learnt[0].source.number == 7
        for place in range(128):
            again.midi.play(0xB0, 7, place)
        again.until(lambda: again.session.strength == 1.0)
    finally:
        again.stop()


def test_a_knob_turns_everything_down(instrument: WholeInstrument) -> None:
    instrument.make("kick", 0)
    teach(instrument, "master_gain", 0xB0, 56, 1)
    for place in (127, 0):
        instrument.midi.play(0xB0, 56, place)
        instrument.loop.run_posted()
    assert instrument.session.master_gain_db == -60.0
    instrument.hear(0.5)
    instrument.midi.play(0x90, 36, 127)
    assert np.abs(instrument.hear()).max() < 0.01
