from __future__ import annotations

import pytest

from app.actions.beat import METRONOME_DB, BeatControl
from app.audio.devices.state import AudioState
from app.audio.mixer.clock import Clock
from app.midi.clock.timeline import Timeline
from app.model.session import Session


class Timing:
    """A mixer that stands on frame 100 000."""

    rate = 48_000
    frame = 100_000
    at_once = False
    pads = 16

    def __init__(self) -> None:
        self.sounding: set[int] = set()
        self.counted: tuple[float, float] | None = None
        self.metronome: float | None = None
        self.clock = Clock(self, lambda anchor, frames_per_beat: None)

    def frame_of_moment(self, time_s: float) -> int | None:
        return self.frame

    def set_note_repeat(self, beats: float) -> None:
        self.repeat_beats = beats

    def count_in(self, start: float, end: float, gain_db: float) -> None:
        self.counted = (start, end)

    def playing(self, pad: int) -> float | None:
        return 0.5 if pad in self.sounding else None

    def set_metronome(self, gain_db: float | None) -> None:
        self.metronome = gain_db


def test_the_session_sets_tempo_metronome_and_timing() -> None:
    session, mixer = Session(), Timing()
    session.bpm = 90.0
    BeatControl(session, mixer)
    assert mixer.clock.bpm == 90.0 and mixer.metronome is None
    session.bpm, session.metronome, session.play_at_once = 133.0, True, True
    session.note_repeat = 0.5
    assert mixer.repeat_beats == 0.5
    assert (mixer.clock.bpm, mixer.metronome, mixer.at_once) == (133.0, METRONOME_DB, True)


def test_a_bar_begins_when_the_player_says_so() -> None:
    mixer = Timing()
    BeatControl(Session(), mixer).start_bar()
    assert mixer.clock.position(100_000) == 0.0


def test_a_running_clock_leads_and_a_standing_one_does_not() -> None:
    session, mixer = Session(), Timing()
    leads = Timeline(9.0, 4.0, 60.0, running=False)
    beat = BeatControl(session, mixer, lambda: leads, lambda: 10.0)
    beat.tick()
    assert mixer.clock.bpm == 120.0
    leads = Timeline(9.0, 4.0, 60.0)
    beat.tick()
    assert mixer.clock.bpm == 60.0
    assert mixer.clock.position(mixer.frame) == pytest.approx(5.0)
    said: list[str] = []
    session.notice.connect(lambda notice: said.append(notice.text))
    beat.start_bar()
    assert said and mixer.clock.position(mixer.frame) == pytest.approx(5.0)
    session.bpm = 60.1
    assert mixer.clock.bpm == 60.0


def test_a_clock_that_leads_is_heard_with_us() -> None:
    session, mixer = Session(), Timing()
    session.set_audio(AudioState("Speakers", block_frames=960, latency_ms=80.0))
    beat = BeatControl(session, mixer, lambda: Timeline(9.0, 4.0, 60.0), lambda: 10.0)
    beat.tick()
    assert mixer.clock.position(mixer.frame) == pytest.approx(5.1)


def test_without_a_count_in_a_start_is_the_next_beat() -> None:
    mixer = Timing()
    beat = BeatControl(Session(), mixer)
    assert beat.start_beat("bar", count_in=False) == 8.0 and beat.frame_of(8.0) == 192_000
    assert beat.beats_to(8.0) == pytest.approx(8 - 100_000 / 24_000)
    assert beat.start_beat("now", count_in=False) is None and mixer.counted is None


def test_a_count_in_begins_at_once_while_nothing_plays_and_the_beats_with_it() -> None:
    mixer = Timing()
    beat = BeatControl(Session(), mixer)
    assert beat.start_beat("four_bars", count_in=True) == 0.0
    assert beat.frame_of(0.0) == 100_000 + 2400 + 96_000
    assert mixer.counted == (-4.0, 0.0)


def test_a_count_in_waits_for_its_bar_while_something_plays_or_a_clock_leads() -> None:
    session, mixer = Session(), Timing()
    leads: Timeline | None = None
    beat = BeatControl(session, mixer, lambda: leads, lambda: 10.0)
    mixer.sounding = {3}
    assert beat.start_beat("bar", count_in=True) == 12.0
    assert beat.start_beat("beat", count_in=True) == 9.0
    assert beat.start_beat("now", count_in=True) == 12.0
    assert mixer.counted == (8.0, 12.0) and mixer.clock.position(0) == 0.0
    mixer.sounding = set()
    leads = Timeline(9.0, 4.0, 120.0)
    assert beat.start_beat("bar", count_in=True) == 12.0


def test_a_start_stays_on_its_beat_when_the_tempo_changes() -> None:
    session, mixer = Session(), Timing()
    beat = BeatControl(session, mixer)
    start = beat.start_beat("bar", count_in=True)
    assert start == 0.0
    before = beat.beats_to(start)
    session.bpm = 240.0
    assert beat.beats_to(start) == pytest.approx(before)
    assert beat.frame_of(start) == 100_000 + (2400 + 96_000) // 2
