"""(b) Hit to sound: MIDI, mouse and keys reach the same mixer, whatever else is going on."""

from __future__ import annotations

import threading

import numpy as np

from app.actions.pads.pad_trigger import HitNote
from tests.fakes.app.whole_instrument import WholeInstrument


def test_a_midi_note_sounds_on_the_first_frame_of_the_next_block(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 3)
    instrument.hear(0.1)
    instrument.midi.play(0x99, 39, 127)
    heard = np.abs(instrument.hear()).max(axis=1)
    onset = int(np.flatnonzero(heard > 1e-4)[0])
    assert abs(onset - instrument.mixer.latency_frames) <= 8
    assert instrument.actions.pad_trigger.recent() == (HitNote(3, 1.0),)


def test_a_midi_note_and_the_mouse_sound_the_same(instrument: WholeInstrument) -> None:
    instrument.make("kick", 0)
    instrument.midi.play(0x90, 36, 127)
    by_midi = instrument.hear()
    instrument.hear(1.5)
    instrument.actions.pad_trigger.hit(0)
    assert np.abs(instrument.hear() - by_midi).max() < 1e-4


def test_a_hit_sounds_while_the_main_thread_the_disk_and_the_engine_are_all_stuck(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 0)
    free = threading.Event()
    instrument.instrument.writer.write(lambda: stuck(free), lambda sentence: None)
    instrument.instrument.background.run(lambda: stuck(free), lambda _: None, lambda _: None)
    instrument.session.prompt = "another"
    instrument.actions.generate.generate(0)
    try:
        # Nothing posted to the main thread runs from here on.
        instrument.midi.play(0x90, 36, 100)
        assert np.abs(instrument.hear()).max() > 0.05
    finally:
        free.set()


def stuck(free: threading.Event) -> None:
    assert free.wait(60)


def test_garbage_from_a_cable_neither_sounds_nor_stops_the_next_note(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 0)
    for data in ([], [36, 100], [0x90], [0xF0, 1, 2], [0x90, 200, 1], [0xFF]):
        instrument.midi.play(*data)
    assert np.abs(instrument.hear()).max() == 0.0
    instrument.midi.play(0x90, 36, 127)
    assert np.abs(instrument.hear()).max() > 0.1


def test_the_sound_card_and_the_cable_pulled_out_are_shown_and_come_back(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 0)
    instrument.devices.pull_out()
    instrument.midi.pull_out()
    instrument.loop.run_posted()
    audio, midi = instrument.session.audio, instrument.session.midi
    assert audio is not None and audio.output_name is None and audio.message
    assert midi is not None and midi.ports == () and midi.message
    instrument.devices.plug_in(rate=44_100)
    instrument.loop.run_posted()
    audio = instrument.session.audio
    assert audio is not None and audio.rate == 44_100 and audio.message == ""
    instrument.until_playable(0)
    instrument.until(lambda: played(instrument))


def played(instrument: WholeInstrument) -> bool:
    """A hit after the change of rate: silent until the pad is prepared again, then heard."""
    instrument.midi.play(0x90, 36, 127)
    return bool(np.abs(instrument.hear()).max() > 0.1)
