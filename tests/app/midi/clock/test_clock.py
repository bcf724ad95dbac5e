from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.midi.clock.receiver import TIMEOUT_S, ClockReceiver
from app.midi.clock.sender import ClockSender
from app.midi.clock.timeline import Timeline
from app.midi.messages.message import ClockMessage, SongPosition, parse

TICK, START, CONTINUE, STOP = (
    ClockMessage("tick"),
    ClockMessage("start"),
    ClockMessage("continue"),
    ClockMessage("stop"),
)


def time_of(timeline: Timeline, beat: float) -> float:
    """The moment of a beat, while the song plays."""
    return timeline.time_s + (beat - timeline.beat) * 60 / timeline.bpm


class Box:
    """Another box with a clock, whose ticks come a little early or late."""

    def __init__(self, bpm: float = 120.0, jitter_s: float = 0.0) -> None:
        self.clock = ClockReceiver()
        self.clock.follow("Box")
        self.bpm = bpm
        self.time_s = 100.0
        self._rng = np.random.default_rng(0)
        self._jitter_s = jitter_s

    def tick(self, count: int = 1, *, lost: bool = False) -> None:
        for _ in range(count):
            self.time_s += 60 / (24 * self.bpm)
            late = self._rng.uniform(-self._jitter_s, self._jitter_s)
            if not lost:
                self.clock.receive(TICK, self.time_s + late, "Box")

    def send(self, message: ClockMessage | SongPosition) -> None:
        self.clock.receive(message, self.time_s, "Box")

    def timeline(self) -> Timeline:
        timeline = self.clock.read(self.time_s)
        assert timeline is not None
        return timeline


@settings(max_examples=30, deadline=None)
@given(st.floats(20, 999))
def test_the_tempo_is_found_at_once_from_20_to_999_bpm(bpm: float) -> None:
    box = Box(bpm)
    box.tick(24)
    assert box.timeline().bpm == pytest.approx(bpm, rel=1e-6)


def test_jitter_is_smoothed_out_of_tempo_and_beat() -> None:
    box = Box(bpm=127.3, jitter_s=0.002)
    box.send(START)
    box.tick(96)
    tempi, off = [], []
    for tick in range(96, 2000):
        box.tick()
        line = box.timeline()
        tempi.append(line.bpm)
        off.append(time_of(line, tick / 24) - box.time_s)
    # Ticks lie up to 2 ms off, 1.2 ms by root mean square.
    assert np.abs(np.array(tempi) - 127.3).max() < 0.25
    assert np.abs(off).max() < 0.0012 and np.sqrt(np.mean(np.square(off))) < 0.0003


def test_the_first_tick_after_a_start_is_the_first_beat() -> None:
    box = Box()
    box.tick(48)
    assert not box.timeline().running
    box.send(START)
    box.tick()
    assert box.timeline().running and box.timeline().beat_at(box.time_s) == pytest.approx(
        0.0, abs=1e-6
    )
    box.tick(24)
    assert box.timeline().beat_at(box.time_s) == pytest.approx(1.0, abs=1e-6)


def test_stop_stands_and_continue_goes_on_there() -> None:
    box = Box()
    box.send(START)
    box.tick(37)
    box.send(STOP)
    box.tick(50)
    stands = box.timeline()
    assert not stands.running
    assert stands.beat_at(box.time_s) == stands.beat_at(box.time_s + 0.1) == pytest.approx(37 / 24)
    box.send(CONTINUE)
    box.tick()
    assert box.timeline().beat_at(box.time_s) == pytest.approx(37 / 24, abs=1e-6)


def test_a_song_position_is_where_it_goes_on() -> None:
    box = Box()
    box.tick(24)
    box.send(SongPosition(70))
    box.send(CONTINUE)
    box.tick()
    assert box.timeline().beat_at(box.time_s) == pytest.approx(70 / 4, abs=1e-6)


def test_another_tempo_is_followed_within_a_beat() -> None:
    box = Box(bpm=120.0, jitter_s=0.001)
    box.send(START)
    box.tick(200)
    box.bpm = 90.0
    box.tick(24)
    assert box.timeline().bpm == pytest.approx(90.0, abs=1.5)
    box.tick(96)
    assert box.timeline().bpm == pytest.approx(90.0, abs=0.2)


def test_ticks_a_driver_lost_do_not_shift_the_beat() -> None:
    box = Box(jitter_s=0.001)
    box.send(START)
    box.tick(100)
    box.tick(3, lost=True)
    box.tick(98)
    assert box.timeline().beat_at(box.time_s) == pytest.approx(200 / 24, abs=0.01)
    assert box.timeline().bpm == pytest.approx(120.0, abs=0.3)


def test_a_clock_that_falls_silent_is_gone_and_one_that_comes_back_is_found() -> None:
    box = Box()
    box.tick(48)
    assert box.clock.read(box.time_s + TIMEOUT_S + 0.1) is None
    box.time_s += 5.0
    box.bpm = 100.0
    box.tick(24)
    assert box.timeline().bpm == pytest.approx(100.0, abs=0.01)


def test_another_ports_clock_is_left_alone() -> None:
    clock = ClockReceiver()
    clock.follow("Box")
    for tick in range(48):
        assert clock.receive(TICK, tick / 48, "Other") == "clock not followed"
    assert clock.read(1.0) is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([TICK, TICK, TICK, START, STOP, CONTINUE, SongPosition(9)]),
            st.floats(-0.1, 1.0),
        ),
        max_size=80,
    )
)
def test_no_clock_whatever_raises(events: list[tuple[ClockMessage | SongPosition, float]]) -> None:
    clock, time_s = ClockReceiver(), 0.0
    clock.follow("Box")
    for message, step_s in events:
        time_s += step_s
        clock.receive(message, time_s, "Box")
        line = clock.read(time_s)
        assert line is None or line.bpm > 0


# --- out ---


class Sent:
    """A clock that is sent, asked every millisecond."""

    def __init__(self, timeline: Timeline | None) -> None:
        self.timeline = timeline
        self.clock = ClockSender(lambda: self.timeline)
        self.clock.port = "Synth"
        self.clock.start("Synth")
        self.time_s = 10.0
        self.messages: list[tuple[float, bytes]] = []

    def run(self, seconds: float, step_s: float = 0.001) -> list[int]:
        """Return the status bytes that were sent."""
        before = len(self.messages)
        for _ in range(round(seconds / step_s)):
            self.messages += [(self.time_s, data) for data in self.clock.poll("Synth", self.time_s)]
            self.time_s += step_s
        return [data[0] for _, data in self.messages[before:]]


def test_a_song_from_its_start_is_start_and_24_ticks_a_beat_on_time() -> None:
    sent = Sent(Timeline(10.0, 0.0, 120.0))
    statuses = sent.run(4.0)
    assert statuses[0] == 0xFA and statuses.count(0xF8) == 8 * 24 and len(statuses) == 8 * 24 + 1
    times = [time_s for time_s, data in sent.messages if data[0] == 0xF8]
    wanted = 10.0 + np.arange(8 * 24) / 48
    assert np.abs(np.array(times) - wanted).max() <= 0.001 + 1e-6


def test_a_song_joined_midway_is_a_position_and_continue_at_that_sixteenth() -> None:
    sent = Sent(Timeline(10.0, 5.1, 120.0))
    sent.run(1.0)
    (_, position), (_, go_on), (first_s, tick) = sent.messages[:3]
    assert [position[0], go_on[0], tick[0]] == [0xF2, 0xFB, 0xF8]
    message = parse(position)
    assert isinstance(message, SongPosition) and message.sixteenths == 21
    assert sent.timeline is not None
    assert first_s == pytest.approx(time_of(sent.timeline, 21 / 4), abs=0.0011)


def test_stop_is_said_once_and_ticks_go_on_at_the_tempo() -> None:
    sent = Sent(Timeline(10.0, 0.0, 120.0))
    sent.run(1.0)
    sent.timeline = Timeline(11.0, 2.0, 60.0, running=False)
    statuses = sent.run(2.0)
    assert statuses[0] == 0xFC and statuses.count(0xFC) == 1
    assert statuses.count(0xF8) in (47, 48, 49)
    sent.timeline = None
    assert sent.run(1.0) == []


def test_a_tempo_that_changes_moves_no_tick_and_skips_none() -> None:
    line = Timeline(10.0, 0.0, 120.0)
    sent = Sent(line)
    sent.run(1.0)
    sent.timeline = line.at_tempo(90.0, sent.time_s)
    statuses = sent.run(2.0)
    assert 0xFA not in statuses and 0xFC not in statuses
    assert statuses.count(0xF8) == 3 * 24


def test_after_a_stall_the_position_is_said_anew_instead_of_a_flood() -> None:
    sent = Sent(Timeline(10.0, 0.0, 120.0))
    sent.run(1.0)
    sent.time_s += 10.0
    statuses = sent.run(0.5)
    assert statuses[:3] == [0xFC, 0xF2, 0xFB] and statuses.count(0xF8) <= 24


def test_before_beat_0_the_tempo_ticks_and_start_is_said_once_on_it() -> None:
    """A count-in moves the beats back: what played before ends."""
    sent = Sent(Timeline(10.0, 7.0, 120.0))
    sent.run(1.0)
    sent.timeline = Timeline(sent.time_s, -4.0, 120.0)
    zero_s = time_of(sent.timeline, 0.0)
    statuses = sent.run(4.0)
    assert (statuses.count(0xFA), statuses.count(0xFC)) == (1, 1) and statuses[0] == 0xFC
    assert statuses.count(0xF8) in range(8 * 24 - 2, 8 * 24 + 2)
    started_s = next(time_s for time_s, data in sent.messages if data[0] == 0xFA)
    assert started_s == pytest.approx(zero_s, abs=0.0011)


def test_the_end_leaves_nobody_running() -> None:
    sent = Sent(Timeline(10.0, 0.0, 120.0))
    sent.run(0.5)
    assert list(sent.clock.stop("Synth")) == [bytes([0xFC])]
    assert sent.clock.select_outputs(["Pads", "Synth"]) == {"Synth"}
    sent.clock.port = ""
    assert sent.clock.select_outputs(["Pads", "Synth"]) == frozenset()


@settings(max_examples=20, deadline=None)
@given(st.floats(30, 300), st.floats(0, 50))
def test_what_is_sent_is_heard_as_the_same_beat(bpm: float, beat: float) -> None:
    sent = Sent(Timeline(10.0, beat, bpm))
    heard = ClockReceiver()
    heard.follow("Synth")
    for _ in range(4000):
        for data in sent.clock.poll("Synth", sent.time_s):
            message = parse(data)
            assert isinstance(message, ClockMessage | SongPosition)
            heard.receive(message, sent.time_s, "Synth")
        sent.time_s += 0.001
    line = heard.read(sent.time_s)
    assert line is not None and sent.timeline is not None
    assert line.bpm == pytest.approx(bpm, rel=0.002)
    off_beats = line.beat_at(sent.time_s) - sent.timeline.beat_at(sent.time_s)
    assert abs(off_beats) * 60 / bpm < 0.002
