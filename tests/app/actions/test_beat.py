from __future__ import annotations

import pytest

from app.actions.beat import METRONOME_DB, BeatControl
from app.audio.clock import Clock
from app.audio.voicing import Voicing
from app.midi.beats import BeatLine
from app.model.kit import Pad
from app.model.session import Session


class Timing:
    """A mixer that stands on frame 100 000."""

    rate = 48_000
    frame = 100_000
    at_once = False

    def __init__(self) -> None:
        self.metronome: float | None = None
        self.clock = Clock(self, lambda anchor, frames_per_beat: None)

    def frame_of_moment(self, time_s: float) -> int | None:
        return self.frame

    def set_note_repeat(self, beats: float) -> None:
        self.repeat_beats = beats

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


def test_only_a_loop_waits_for_the_bar() -> None:
    session, mixer, pad = Session(), Timing(), Pad(0)
    beat = BeatControl(session, mixer)
    session.swap_at = "bar"
    assert beat.swap_frame(pad) is None
    pad.voicing = Voicing("loop")
    assert beat.swap_frame(pad) == 192_000
    session.swap_at = "now"
    assert beat.swap_frame(pad) is None


def test_a_bar_begins_when_the_player_says_so() -> None:
    mixer = Timing()
    BeatControl(Session(), mixer).start()
    assert mixer.clock.position(100_000) == 0.0


def test_a_running_clock_leads_and_a_standing_one_does_not() -> None:
    session, mixer = Session(), Timing()
    beat = BeatControl(session, mixer, lambda: 10.0)
    beat.followed = lambda: BeatLine(9.0, 4.0, 60.0, running=False)
    beat.look()
    assert mixer.clock.bpm == 120.0
    beat.followed = lambda: BeatLine(9.0, 4.0, 60.0)
    beat.look()
    assert mixer.clock.bpm == 60.0
    assert mixer.clock.position(mixer.frame) == pytest.approx(5.0)
    said: list[str] = []
    session.notice.connect(lambda notice: said.append(notice.text))
    beat.start()
    assert said and mixer.clock.position(mixer.frame) == pytest.approx(5.0)
    session.bpm = 60.1
    assert mixer.clock.bpm == 60.0
