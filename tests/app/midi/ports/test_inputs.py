from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from app.midi.ports import inputs as ports
from app.midi.ports import system
from app.midi.ports.inputs import NO_PORTS, MidiInputs, MidiState
from app.midi.ports.system import NO_SYSTEM, MidiSystem, MidiUnavailableError, RtMidiConnector
from tests.fakes.app.main_loop import MainLoop
from tests.fakes.app.midi import FakeMidiSystem
from tests.log_watch import LogWatch

NOTE = (0x90, 36, 100)


class Scene:
    """MidiInputs on a system of the test's own; what it says arrives in a main loop."""

    def __init__(self) -> None:
        self.loop = MainLoop()
        self.states: list[MidiState] = []
        self.messages: list[tuple[bytes, str]] = []
        self.system: FakeMidiSystem | None = FakeMidiSystem()
        self.bug = False
        self.ports = MidiInputs(self._receive, self._change, self._connect)

    def start(self, *names: str) -> FakeMidiSystem:
        self.system = FakeMidiSystem(*names)
        self.ports.start()
        self.until(lambda: self.states)
        return self.system

    def until(self, done: Callable[[], object]) -> None:
        self.loop.run_until(done)

    def until_open(self, *names: str) -> None:
        self.until(lambda: self.states and self.states[-1].ports == names)

    def _connect(self) -> MidiSystem:
        if self.system is None or not self.system.running:
            raise MidiUnavailableError("nothing there")
        return self.system

    def _receive(self, data: bytes, time_s: float, port: str) -> None:
        assert threading.current_thread().name == "midi"
        if self.bug:
            raise ZeroDivisionError
        self.loop.post(lambda: self.messages.append((data, port)))

    def _change(self, state: MidiState) -> None:
        self.loop.post(lambda: self.states.append(state))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(ports, "RESCAN_S", 0.01)
    scene = Scene()
    yield scene
    scene.ports.stop()


def test_every_input_is_opened_and_heard(scene: Scene) -> None:
    system = scene.start("Launchpad", "LPD8")
    assert scene.states == [MidiState(("Launchpad", "LPD8"), "")]
    system.port("LPD8").send(*NOTE)
    system.port("Launchpad").send(0x80, 36, 0)
    scene.until(lambda: len(scene.messages) == 2)
    assert (bytes(NOTE), "LPD8") in scene.messages


def test_pingpads_own_port_is_heard_and_its_name_is_never_opened(scene: Scene) -> None:
    system = scene.start("Pingpad:Pingpad 128:0", "Midi Through Port-0")
    assert scene.states == [MidiState((), NO_PORTS)]
    system.own.send(*NOTE)
    scene.until(lambda: scene.messages)
    assert scene.messages == [(bytes(NOTE), "Pingpad")]
    assert system.opened == []


def test_without_pads_the_player_is_told_and_one_plugged_in_later_is_found(scene: Scene) -> None:
    system = scene.start()
    assert scene.states == [MidiState((), NO_PORTS)]
    system.present.append("LPD8")
    scene.until_open("LPD8")
    system.port("LPD8").send(*NOTE)
    scene.until(lambda: scene.messages)


def test_a_cable_pulled_out_and_put_back_plays_again_by_its_name(scene: Scene) -> None:
    system = scene.start("LPD8", "Launchpad")
    old = system.port("LPD8")
    old.break_off()
    assert old.failed.wait(20)
    system.present.remove("LPD8")
    scene.until_open("Launchpad")
    assert not old.open
    system.present.insert(0, "LPD8")
    scene.until_open("Launchpad", "LPD8")
    system.port("LPD8").send(*NOTE)
    scene.until(lambda: scene.messages)


def test_two_controllers_of_one_name_are_both_heard(scene: Scene) -> None:
    system = scene.start("LPD8", "LPD8")
    assert scene.states[-1].ports == ("LPD8", "LPD8")
    for _, port in system.opened:
        port.send(*NOTE)
    scene.until(lambda: len(scene.messages) == 2)


def test_of_two_alike_one_pulled_out_lets_go_of_what_either_held(scene: Scene) -> None:
    system = scene.start("LPD8", "Launchpad", "LPD8")
    first, *_ = [port for name, port in system.opened if name == "LPD8"]
    first.break_off()
    del system.present[0]
    scene.until_open("Launchpad", "LPD8")
    # Nobody can say which of them held a note: for a moment there is none of that name.
    assert [state.ports for state in scene.states[1:]] == [("Launchpad",), ("Launchpad", "LPD8")]
    assert not first.open
    system.port("LPD8").send(*NOTE)
    scene.until(lambda: scene.messages)


def test_a_second_controller_of_one_name_leaves_the_first_as_it_is(scene: Scene) -> None:
    system = scene.start("LPD8")
    system.present.append("LPD8")
    scene.until_open("LPD8", "LPD8")
    assert all(port.open for _, port in system.opened) and len(system.opened) == 2


def test_events_that_were_lost_are_told(scene: Scene) -> None:
    system = scene.start("LPD8")
    system.port("LPD8").dropped = 3
    scene.until(lambda: scene.states[-1].dropped == 3)
    system.own.dropped = 1
    scene.until(lambda: scene.states[-1].dropped == 4)
    system.present.clear()
    scene.until_open()
    assert scene.states[-1].dropped == 4


def test_a_port_another_program_holds_is_named_and_tried_again(scene: Scene) -> None:
    system = FakeMidiSystem("LPD8", "Launchpad")
    system.refused.add("LPD8")
    scene.system = system
    scene.ports.start()
    scene.until_open("Launchpad")
    assert scene.states[-1].message == "LPD8 could not be opened (another program uses it)."
    system.refused.clear()
    scene.until_open("Launchpad", "LPD8")
    assert scene.states[-1].message == ""


def test_without_a_midi_system_the_player_is_told_and_one_that_starts_is_found(
    scene: Scene,
) -> None:
    scene.system = None
    scene.ports.start()
    scene.until(lambda: scene.states)
    assert scene.states == [MidiState((), NO_SYSTEM)]
    scene.system = FakeMidiSystem("LPD8")
    scene.until_open("LPD8")


def test_a_midi_system_that_ends_is_let_go_and_found_again(scene: Scene) -> None:
    system = scene.start("LPD8")
    system.running = False
    scene.until(lambda: scene.states[-1].message == NO_SYSTEM)
    assert system.closed.is_set() and not system.port("LPD8").open and not system.own.open
    system.running = True
    scene.until_open("LPD8")


def test_a_bug_behind_the_port_does_not_end_the_thread(scene: Scene) -> None:
    system = scene.start("LPD8")
    scene.bug = True
    system.port("LPD8").send(*NOTE)
    system.present.append("Other")
    scene.until_open("LPD8", "Other")
    scene.bug = False
    system.port("LPD8").send(*NOTE)
    scene.until(lambda: scene.messages)
    assert scene.ports.faults == 1


def test_a_bug_in_looking_for_ports_is_logged_and_looked_over(
    scene: Scene, log_watch: LogWatch
) -> None:
    log_watch.expect("Scanning for MIDI inputs failed")
    system = scene.start("LPD8")
    system.present = None  # type: ignore[assignment]
    scene.until(lambda: "log file" in scene.states[-1].message)
    system.present = ["LPD8"]
    scene.until_open("LPD8")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has to be asked")
def test_ports_are_polled_with_real_time_priority_and_looked_for_without(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        pytest.skip("this user may not have it")
    scanning, polling = set[int](), set[int]()

    def noting(name: str, seen: set[int]) -> Callable[..., object]:
        plain = getattr(MidiInputs, name)

        def noted(self: MidiInputs, *given: object) -> object:
            seen.add(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)
            return plain(self, *given)

        return noted

    monkeypatch.setattr(MidiInputs, "_scan", noting("_scan", scanning))
    monkeypatch.setattr(MidiInputs, "_poll", noting("_poll", polling))
    scene.start("Pads").port("Pads").send(*NOTE)
    scene.until(lambda: scene.messages)
    scene.until(lambda: scanning and polling)
    assert scanning == {os.SCHED_OTHER}
    assert polling == {os.SCHED_FIFO}


def test_stop_closes_everything(scene: Scene) -> None:
    system = scene.start("LPD8")
    scene.ports.stop()
    assert not system.port("LPD8").open and system.closed.is_set()


def test_stop_before_start_is_allowed() -> None:
    Scene().ports.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="ALSA and JACK are Linux's")
def test_where_there_is_no_sequencer_and_no_server_the_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(system, "_linux_has_midi", lambda: False)
    monkeypatch.setattr(system, "_list_interfaces", list)
    connect = RtMidiConnector()
    for _ in range(2):
        with pytest.raises(MidiUnavailableError, match=r"snd-seq module or start JACK"):
            connect()
