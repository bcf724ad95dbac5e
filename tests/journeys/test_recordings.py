"""(h) Recording in time: on bars, from the first sound on, of what is played, and for hours."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.fakes.app.whole_instrument import WholeInstrument

RATE = 48_000
BLOCK = 128
BEAT = 24_000


def live(instrument: WholeInstrument, sung: NDArray[np.float32]) -> NDArray[np.float32]:
    """Play and listen at once, block by block, with the window's looks; return what was heard."""
    heard = []
    for start in range(0, len(sung), BLOCK):
        heard.append(instrument.mixer.render(min(BLOCK, len(sung) - start)))
        instrument.sing(sung[start : start + BLOCK])
        if start // BLOCK % 6 == 5:
            instrument.actions.record.tick()
    instrument.actions.record.tick()
    return np.concatenate(heard)


def silence(frames: int) -> NDArray[np.float32]:
    return np.zeros(frames, np.float32)


def claps(frames: int, since: int) -> NDArray[np.float32]:
    """A clap on every beat of the mixer's clock, which stands at `since`; each another level."""
    sung = silence(frames)
    for beat in range(-(-since // BEAT), (since + frames) // BEAT):
        sung[beat * BEAT - since :][:200] = 0.1 + 0.05 * (beat % 8)
    return sung


def onsets(samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """Frames on which sound begins after silence."""
    loud = np.flatnonzero(np.abs(samples[:, 0]) > 0.05)
    return loud[np.diff(loud, prepend=-10_000) > 1000]


def test_two_bars_clapped_to_the_count_in_lie_on_their_beats(instrument: WholeInstrument) -> None:
    session, record = instrument.session, instrument.actions.record
    session.record_start, session.record_bars, session.count_in = "bar", 2, True
    live(instrument, silence(10_000))
    record.toggle()
    clicks = onsets(live(instrument, silence(4 * BEAT + 2400)))
    assert len(clicks) == 4 and np.abs(np.diff(clicks) - BEAT).max() <= 40
    frame = instrument.mixer.frame
    assert abs(instrument.mixer.clock.position(frame)) < 0.01
    start = instrument.mixer.clock.frame_of(0)
    live(instrument, claps(8 * BEAT + 2400, frame - start))
    assert not session.recording
    instrument.until_playable(0)
    take = instrument.pads[0].takes.current
    assert take is not None and take.clip.frames == 8 * BEAT
    found = onsets(take.clip.samples)
    assert len(found) == 8
    # What two callbacks' own clocks differ by, on a busy machine.
    assert np.abs(found - np.arange(8) * BEAT).max() <= 0.01 * RATE
    assert np.ptp(found - np.arange(8) * BEAT) == 0


def test_the_consonant_before_the_vowel_that_began_it_is_kept(
    instrument: WholeInstrument,
) -> None:
    instrument.session.record_start = "sound"
    instrument.session.record_threshold_db = -12.0
    consonant = np.random.default_rng(0).uniform(-0.1, 0.1, 4000).astype(np.float32)
    vowel = (0.5 * np.sin(np.arange(20_000) * 0.03)).astype(np.float32)
    instrument.actions.record.toggle()
    sung = np.concatenate([silence(30_000), consonant, vowel, silence(20_000)])
    live(instrument, sung)
    instrument.actions.record.toggle()
    instrument.until_playable(0)
    take = instrument.pads[0].takes.current
    assert take is not None
    place = int(np.flatnonzero(np.abs(take.clip.samples[:, 0]) > 0)[0])
    assert np.array_equal(take.clip.samples[place : place + 24_000, 0][:4000], consonant)


def test_a_bar_of_what_is_played_lands_on_a_pad_to_the_frame(instrument: WholeInstrument) -> None:
    instrument.make("kick", 0)
    session = instrument.session
    session.select(5)
    session.record_from, session.record_start, session.record_bars = "played", "bar", 1
    session.metronome = True
    live(instrument, silence(5000))
    instrument.actions.record.toggle()
    live(instrument, silence(4 * BEAT - 5000))
    for beat in range(4, 8):
        instrument.mixer.hit(0, 1.0, beat * BEAT)
    live(instrument, silence(5 * BEAT))
    instrument.until_playable(5)
    take = instrument.pads[5].takes.current
    assert take is not None and take.name == "resampled" and take.clip.frames == 4 * BEAT
    assert onsets(take.clip.samples)[0] <= 8
    capture = instrument.mixer.capture
    start = 4 * BEAT + instrument.mixer.latency_frames
    assert np.array_equal(take.clip.samples, capture.read(capture.segment, start, start + 4 * BEAT))


def test_all_that_is_played_is_in_the_file_when_the_instrument_is_closed(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 0)
    instrument.actions.master_recording.toggle()
    heard = []
    for _ in range(5):
        instrument.actions.pad_trigger.hit(0)
        heard.append(instrument.hear(0.5))
    assert instrument.session.master_recording
    instrument.stop()
    (file,) = instrument.folders.performances.iterdir()
    read, rate = soundfile.read(file, dtype="float32")
    assert rate == RATE and np.abs(read - np.concatenate(heard)).max() < 1e-6
    assert not instrument.session.master_recording and file.name in instrument.said()[-1]


@pytest.mark.parametrize("start", ["sound", "four_bars"])
def test_how_one_records_is_remembered(instrument: WholeInstrument, start: str) -> None:
    session = instrument.session
    session.record_start, session.record_bars = start, 4  # type: ignore[assignment]
    session.record_from, session.record_threshold_db = "played", -18.0
    session.count_in = True
    instrument.stop()
    again = WholeInstrument()
    kept = again.session
    assert (kept.record_start, kept.record_bars, kept.record_from) == (start, 4, "played")
    assert kept.count_in and kept.record_threshold_db == -18.0
