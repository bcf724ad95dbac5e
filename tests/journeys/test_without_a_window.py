"""(i) The instrument lives without its window: time goes on, and MIDI reaches every action."""

from __future__ import annotations

import numpy as np

from tests.fakes.app.whole_instrument import WholeInstrument

BLOCK = 128

MAP = """
name = "Buttons"
[[control]]
does = "tap"
note = 68
[[control]]
does = "beat_1"
note = 69
[[control]]
does = "perform"
note = 70
"""


def read_map(instrument: WholeInstrument) -> None:
    folder = instrument.folders.config / "controllers"
    folder.mkdir(parents=True)
    (folder / "buttons.toml").write_text(MAP)
    instrument.actions.midi.setup.read_maps()


def test_four_bars_of_the_input_end_by_themselves(instrument: WholeInstrument) -> None:
    session = instrument.session
    session.bpm, session.record_bars = 240.0, 4
    frames = 4 * 4 * instrument.mixer.rate * 60 // 240
    tone = (0.5 * np.sin(np.arange(frames + 2 * BLOCK) * 0.05)).astype(np.float32)
    instrument.actions.record.press()
    for start in range(0, len(tone), BLOCK):
        instrument.mixer.render(BLOCK)
        instrument.sing(tone[start : start + BLOCK])
    assert session.recording
    instrument.until(lambda: not session.recording)
    take = instrument.pads[0].takes.current
    assert take is not None and take.clip.frames == frames
    instrument.until_playable(0)


def test_a_controller_taps_the_tempo_and_begins_a_bar(instrument: WholeInstrument) -> None:
    read_map(instrument)
    before = instrument.session.bpm
    instrument.midi.play(0x90, 68, 100)
    instrument.midi.play(0x90, 68, 100)
    instrument.until(lambda: instrument.session.bpm != before)
    instrument.hear(0.3)
    clock = instrument.mixer.clock
    assert clock.position(instrument.mixer.frame) > 0.1
    instrument.midi.play(0x90, 69, 100)
    instrument.until(lambda: abs(clock.position(instrument.mixer.frame)) < 0.1)


def test_a_controller_records_all_that_is_played_to_a_file(instrument: WholeInstrument) -> None:
    read_map(instrument)
    instrument.midi.play(0x90, 70, 100)
    instrument.until(lambda: instrument.session.master_recording)
    instrument.hear(0.5)
    instrument.midi.play(0x90, 70, 100)
    instrument.until(lambda: not instrument.session.master_recording)
    assert len(list(instrument.folders.performances.glob("*.wav"))) == 1
