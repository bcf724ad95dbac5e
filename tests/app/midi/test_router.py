from __future__ import annotations

from fake_mixer import FakeMixer
from hypothesis import given
from hypothesis import strategies as st

from app.midi.pad_map import PadMap
from app.midi.router import MidiCounts, PadRouter


class Scene:
    def __init__(self) -> None:
        self.mixer = FakeMixer()
        self.lights: list[tuple[int, float]] = []
        self.router = PadRouter(
            self.mixer, PadMap(), lambda pad, velocity: self.lights.append((pad, velocity))
        )

    def receive(self, *data: int) -> None:
        self.router.receive(bytes(data), 1.0, "Pads")


def test_a_note_plays_its_pad_at_its_velocity_and_lights_it() -> None:
    scene = Scene()
    scene.receive(0x99, 36, 127)
    scene.receive(0x90, 51, 1)
    assert scene.mixer.calls == [("hit", 0, 1.0), ("hit", 15, 1 / 127)]
    assert scene.lights == [(0, 1.0), (15, 1 / 127)]


def test_letting_go_releases_whatever_the_release_velocity() -> None:
    scene = Scene()
    scene.receive(0x80, 40, 127)
    scene.receive(0x90, 40, 0)
    assert scene.mixer.calls == [("release", 4), ("release", 4)] and scene.lights == []


def test_panic_is_silence() -> None:
    scene = Scene()
    scene.receive(0xB0, 123, 0)
    assert scene.mixer.calls == [("stop_all",)]


def test_what_plays_no_pad_is_counted() -> None:
    scene = Scene()
    scene.receive(0x90, 35, 100)
    scene.receive(0x80, 35, 100)
    scene.receive(0xF8)
    scene.receive(36, 100)
    scene.receive(0xF0, 1, 2, 0xF7)
    scene.receive(0x90, 36, 100)
    assert scene.router.counts() == MidiCounts(hits=1, other=2, ignored=2)


@given(st.lists(st.binary(max_size=5), max_size=50))
def test_a_stream_of_garbage_never_raises(messages: list[bytes]) -> None:
    scene = Scene()
    for data in messages:
        scene.router.receive(data, 0.0, "Broken")
    counts = scene.router.counts()
    assert counts.hits == len(scene.lights)


def test_the_hit_gets_the_frame_of_its_own_time() -> None:
    class Clocked(FakeMixer):
        def frame_at(self, time_s: float) -> int | None:
            return round(time_s * 48_000)

        def hit(self, pad: int, velocity: float = 1.0, at_frame: int | None = None) -> None:
            self.calls.append(("hit at", at_frame))

        def release(self, pad: int, at_frame: int | None = None) -> None:
            self.calls.append(("release at", at_frame))

    mixer = Clocked()
    router = PadRouter(mixer, PadMap(), lambda pad, velocity: None)
    router.receive(bytes([0x90, 36, 1]), 2.0, "Pads")
    router.receive(bytes([0x80, 36, 1]), 2.5, "Pads")
    assert mixer.calls == [("hit at", 96_000), ("release at", 120_000)]
