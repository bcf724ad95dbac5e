"""(c) Hum or beat to pad: hold, record, release, trim, and what the prompt makes of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.fakes.app.whole_instrument import WholeInstrument

RATE = 48_000


def hum(seconds: float) -> NDArray[np.float32]:
    time_s = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(int(seconds * RATE), np.float32)


def test_a_hum_comes_back_as_the_prompt_says_and_stays_as_a_take(
    instrument: WholeInstrument,
) -> None:
    instrument.session.prompt, instrument.session.strength = "brass stab", 0.6
    instrument.session.select(2)
    instrument.actions.record.press()
    instrument.sing(np.concatenate([silence(0.4), hum(0.7), silence(0.4)]))
    instrument.actions.record.release()
    instrument.until_playable(2)
    recording = instrument.pads[2].takes.current
    assert recording is not None and recording.kind == "recorded"
    assert 0.69 < recording.clip.seconds < 0.75
    asked = instrument.engine.asked[instrument.engine.newest]
    assert asked.source is recording.clip and asked.recipe.strength == 0.6
    instrument.engine.finish()
    instrument.until(lambda: len(instrument.pads[2].takes.items) == 2)
    instrument.until_playable(2)
    made = instrument.pads[2].takes.current
    assert made is not None and made.recipe is not None
    assert made.recipe.source == recording.id
    assert abs(made.clip.seconds - recording.clip.seconds) < 0.01
    assert [file.name for file in instrument.files()] == ["brass-stab_001.wav", "recording_001.wav"]


def test_a_beat_without_a_prompt_keeps_its_timing(instrument: WholeInstrument) -> None:
    beat = np.concatenate([hum(0.05), silence(0.45)] * 4)
    instrument.actions.record.toggle()
    instrument.sing(np.concatenate([silence(0.3), beat]))
    instrument.actions.record.toggle()
    instrument.until_playable(0)
    take = instrument.pads[0].takes.current
    assert take is not None
    loud = np.abs(take.clip.samples).max(axis=1) > 0.05
    quiet_before = np.convolve(loud, np.ones(RATE // 10), "full")[: len(loud)] - loud < 0.5
    onsets = np.flatnonzero(loud & quiet_before) / RATE
    assert np.allclose(np.diff(onsets), 0.5, atol=0.002) and len(onsets) == 4


def test_silence_is_said_and_the_pad_keeps_its_sound(instrument: WholeInstrument) -> None:
    instrument.make("kick", 0)
    instrument.actions.record.press()
    instrument.sing(silence(1.0))
    instrument.actions.record.release()
    assert instrument.said()[-1].startswith("No sound came in.")
    assert len(instrument.pads[0].takes.items) == 1
