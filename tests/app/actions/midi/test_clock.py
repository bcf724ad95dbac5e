from __future__ import annotations

import pytest

from app.actions.midi.clock import ClockSync
from app.audio.devices.state import AudioState
from app.audio.mixer.clock import Clock
from app.midi.clock.receiver import ClockReceiver
from app.midi.messages.message import ClockMessage
from app.model.session import Session

SLOW = AudioState("Speakers", rate=48_000, block_frames=960, latency_ms=80.0)
"""What is played is heard 100 ms later."""


class SoundCard:
    """What our own clock runs on: frame 0 at 0 s, as long as it calls back."""

    rate = 48_000
    frame = 0
    runs = True

    def frame_of_moment(self, time_s: float) -> int | None:
        return round(time_s * self.rate) if self.runs else None


class Scene:
    def __init__(self, *, with_beats: bool = True) -> None:
        self.session = Session()
        self.receiver = ClockReceiver()
        self.card = SoundCard()
        self.time_s = 10.0
        self.clock = ClockSync(
            self.session,
            self.receiver,
            Clock(self.card, lambda anchor, frames_per_beat: None) if with_beats else None,
            lambda: self.time_s,
        )

    def tick(self, count: int, bpm: float) -> None:
        for _ in range(count):
            self.time_s += 60 / (24 * bpm)
            self.receiver.receive(ClockMessage("tick"), self.time_s, "Box")


def test_tempo_and_beat_are_where_the_other_boxs_are() -> None:
    scene = Scene()
    scene.receiver.follow("Box")
    scene.receiver.receive(ClockMessage("start"), scene.time_s, "Box")
    scene.tick(97, 93.0)
    scene.clock.tick()
    assert scene.session.bpm == 93.0
    timeline = scene.clock.read_leader()
    assert timeline is not None and timeline.running
    assert timeline.beat_at(scene.time_s) == pytest.approx(4.0)


def test_a_box_that_stands_leads_the_tempo_but_no_beat() -> None:
    scene = Scene()
    scene.receiver.follow("Box")
    scene.tick(48, 140.0)
    scene.clock.tick()
    timeline = scene.clock.read_leader()
    assert scene.session.bpm == 140.0 and timeline is not None and not timeline.running
    assert scene.clock.text == "140.0 bpm, stopped"


def test_jitter_too_small_to_be_shown_moves_no_tempo() -> None:
    scene = Scene()
    scene.session.bpm = 120.05
    scene.receiver.follow("Box")
    scene.tick(48, 120.0)
    scene.clock.tick()
    assert scene.session.bpm == 120.05


def test_without_a_box_nothing_moves_and_others_are_sent_our_own_beats() -> None:
    scene = Scene()
    scene.clock.tick()
    assert scene.session.bpm == 120.0 and scene.clock.text == ""
    timeline = scene.clock.read_outgoing()
    assert timeline is not None and timeline.running
    assert (timeline.beat, timeline.bpm) == (20.0, 120.0)
    assert scene.clock.read_leader() is None, "nobody follows himself"


def test_others_are_sent_the_beat_that_is_heard() -> None:
    scene = Scene()
    scene.session.set_audio(SLOW)
    timeline = scene.clock.read_outgoing()
    assert timeline is not None and timeline.beat == pytest.approx(20.0 - 0.1 * 120 / 60)


def test_a_hiccup_of_the_sound_card_stops_nobody_and_its_end_does() -> None:
    scene = Scene()
    scene.clock.read_outgoing()
    scene.card.runs = False
    scene.time_s += 0.3
    timeline = scene.clock.read_outgoing()
    assert (
        timeline is not None
        and timeline.running
        and timeline.beat_at(scene.time_s) == pytest.approx(20.6)
    )
    scene.time_s += 0.3
    timeline = scene.clock.read_outgoing()
    assert timeline is not None and not timeline.running
    scene.card.runs = True
    timeline = scene.clock.read_outgoing()
    assert timeline is not None and timeline.running and timeline.beat == pytest.approx(21.2)


def test_with_no_beats_of_our_own_the_tempo_is_sent() -> None:
    scene = Scene(with_beats=False)
    scene.session.bpm = 90.0
    timeline = scene.clock.read_outgoing()
    assert timeline is not None and not timeline.running and timeline.bpm == 90.0


def test_who_follows_sends_on_what_it_follows() -> None:
    scene = Scene()
    scene.receiver.follow("Box")
    scene.receiver.receive(ClockMessage("start"), scene.time_s, "Box")
    scene.tick(49, 150.0)
    timeline = scene.clock.read_outgoing()
    assert timeline is not None and timeline.bpm == pytest.approx(150.0)
    assert timeline.beat_at(scene.time_s) == pytest.approx(2.0)
    scene.time_s += 2.0
    assert scene.clock.text == "no ticks yet"
