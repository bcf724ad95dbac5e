from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

import pytest

from app.midi.ports import outputs, shutdown_messages
from app.midi.ports.outputs import MidiOutputs
from app.midi.ports.system import MidiUnavailableError
from tests.fakes.app.main_loop import MainLoop
from tests.fakes.app.midi import FakeMidiSystem

HELLO, NEWS, GOODBYE = b"\x90\x01\x01", b"\x90\x02\x02", b"\x90\x03\x03"


class Talker:
    """Says hello, its news when it has any, and goodbye."""

    low_latency = False

    def __init__(self, *wishes: str) -> None:
        self.wishes = set(wishes)
        self.news: list[bytes] = []

    def select_outputs(self, names: Sequence[str]) -> frozenset[str]:
        return frozenset(self.wishes & set(names))

    def start(self, name: str) -> Iterable[bytes]:
        return [HELLO]

    def poll(self, name: str, now_s: float) -> Iterable[bytes]:
        news, self.news = self.news, []
        return news

    def stop(self, name: str) -> Iterable[bytes]:
        return [GOODBYE]


class Scene:
    def __init__(self) -> None:
        self.loop = MainLoop()
        self.system = FakeMidiSystem(outputs=("Pads", "Synth", "Pingpad:Pingpad", "Two", "Two"))
        self.talker = Talker("Pads", "Two", "Pingpad:Pingpad")
        self.names: list[tuple[str, ...]] = []
        self.outputs = MidiOutputs([self.talker], self._change, self._connect)

    def _change(self, names: tuple[str, ...]) -> None:
        assert threading.current_thread().name == "midi out"
        self.loop.post(lambda: self.names.append(names))

    def _connect(self) -> FakeMidiSystem:
        if not self.system.running:
            raise MidiUnavailableError("nothing there")
        return self.system

    def start(self) -> None:
        self.outputs.start()
        self.loop.run_until(lambda: self.names)

    def until_sent(self, *messages: bytes, port: str = "Pads") -> None:
        for _ in range(2000):
            if self.system.opened_outputs and self.system.output(port).sent == list(messages):
                return
            threading.Event().wait(0.005)
        raise AssertionError(self.system.opened_outputs and self.system.output(port).sent)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(outputs, "RESCAN_S", 0.01)
    monkeypatch.setattr(shutdown_messages, "DRAIN_S", 0.0)
    scene = Scene()
    yield scene
    scene.outputs.stop()


def test_what_somebody_sends_to_is_opened_greeted_fed_and_left_with_a_goodbye(
    scene: Scene,
) -> None:
    scene.start()
    assert scene.names == [("Pads", "Synth")]
    scene.until_sent(HELLO)
    scene.talker.news = [NEWS]
    scene.until_sent(HELLO, NEWS)
    scene.outputs.stop()
    # Twice, because nobody is left to notice that the first one was lost.
    scene.until_sent(HELLO, NEWS, GOODBYE, GOODBYE)
    assert not scene.system.output("Pads").open and scene.system.closed.is_set()
    assert [name for name, _ in scene.system.opened_outputs] == ["Pads"]


def test_an_output_nobody_wants_any_more_is_left_and_another_opened(scene: Scene) -> None:
    scene.start()
    scene.until_sent(HELLO)
    scene.talker.wishes = {"Synth"}
    scene.outputs.rescan()
    scene.until_sent(HELLO, GOODBYE)
    scene.until_sent(HELLO, port="Synth")


def test_a_cable_pulled_out_and_put_back_is_greeted_again(scene: Scene) -> None:
    scene.start()
    scene.until_sent(HELLO)
    old = scene.system.output("Pads")
    old.gone = True
    scene.talker.news = [NEWS]
    scene.loop.run_until(lambda: True)
    for _ in range(2000):
        if scene.system.output("Pads") is not old:
            break
        threading.Event().wait(0.005)
    scene.until_sent(HELLO)
    assert not old.open


def test_a_midi_system_that_ends_is_found_again(scene: Scene) -> None:
    scene.start()
    scene.until_sent(HELLO)
    scene.system.running = False
    scene.loop.run_until(lambda: scene.names[-1] == ())
    scene.system.running = True
    scene.loop.run_until(lambda: scene.names[-1] == ("Pads", "Synth"))
    scene.until_sent(HELLO)


def test_an_output_that_is_gone_does_not_keep_the_others_from_their_goodbye(scene: Scene) -> None:
    scene.talker.wishes = {"Pads", "Synth"}
    scene.start()
    scene.until_sent(HELLO)
    scene.until_sent(HELLO, port="Synth")
    scene.system.output("Pads").gone = True
    scene.outputs.stop()
    assert scene.system.output("Synth").sent == [HELLO, GOODBYE, GOODBYE]
    assert not scene.system.output("Pads").open and not scene.system.output("Synth").open


def test_an_output_another_program_holds_is_tried_again(scene: Scene) -> None:
    scene.system.refused.add("Pads")
    scene.start()
    scene.system.refused.clear()
    scene.until_sent(HELLO)


def test_stop_before_start_is_allowed() -> None:
    Scene().outputs.stop()
