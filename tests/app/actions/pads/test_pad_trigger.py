from __future__ import annotations

from app.actions.pads.pad_trigger import HitNote, PadTrigger
from tests.fakes.app.mixer import FakeMixer


def test_a_hit_reaches_the_mixer_and_leaves_a_note_for_the_light() -> None:
    mixer = FakeMixer()
    hits = PadTrigger(mixer, iter([1.0, 1.5]).__next__)
    hits.hit(3, 0.5)
    hits.release(3)
    hits.stop_all()
    assert mixer.calls == [("hit", 3, 0.5), ("release", 3), ("stop_all",)]
    assert mixer.times_s == [1.0, 1.5]
    assert hits.recent() == (HitNote(3, 0.5),)
    assert hits.recent() == ()


def test_a_window_that_never_asks_costs_no_memory() -> None:
    hits = PadTrigger(FakeMixer())
    for _ in range(10_000):
        hits.note(1, 1.0)
    assert len(hits.recent()) == 256
