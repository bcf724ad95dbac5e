from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.midi.clock.receiver import ClockReceiver
from app.midi.messages.controller_map import Binding, ControllerMap, ControlLine, Source
from app.midi.messages.mapping import MidiMapping
from app.midi.messages.message import (
    CHANNEL_PRESSURE,
    CONTROL_CHANGE,
    NOTE_ON,
    PROGRAM_CHANGE,
    ClockMessage,
    SongPosition,
)
from app.midi.messages.pad_map import PadMap
from app.midi.messages.targets import TARGETS
from app.midi.router import CapturedControl, ControllerReset, MidiCounts, PadRouter, TargetAction
from tests.fakes.app.mixer import FakeMixer


class Listener(ClockReceiver):
    """Writes down what it receives."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[object, float, str]] = []

    def receive(self, message: ClockMessage | SongPosition, time_s: float, port: str) -> str:
        self.heard.append((message, time_s, port))
        return "followed"


class Scene:
    def __init__(self, *lines: ControlLine, channel: int | None = None) -> None:
        self.mixer = FakeMixer()
        self.lights: list[tuple[int, float]] = []
        self.woken = 0
        self.clock = Listener()
        self.router = PadRouter(
            self.mixer,
            lambda pad, velocity: self.lights.append((pad, velocity)),
            self._wake,
            self.clock,
        )
        self.router.set_mapping(MidiMapping(channel, maps=(ControllerMap("Mine", control=lines),)))

    def _wake(self) -> None:
        self.woken += 1

    def receive(self, *data: int, port: str = "Pads") -> None:
        self.router.receive(bytes(data), 1.0, port)

    def asked(self) -> list[tuple[str, float, int | None]]:
        return [
            (action.binding.target.name, action.value, action.pad)
            for action in self.router.take_actions()
            if isinstance(action, TargetAction)
        ]

    def did(self) -> list[str]:
        return [event.outcome for event in self.router.recent_events()]


def test_a_note_plays_its_pad_at_its_velocity_and_lights_it() -> None:
    scene = Scene()
    scene.receive(0x99, 36, 127)
    scene.receive(0x90, 51, 1)
    assert scene.mixer.calls == [("hit", 0, 1.0), ("hit", 15, 1 / 127)]
    assert scene.lights == [(0, 1.0), (15, 1 / 127)]


def test_notes_beside_the_pads_play_one_pad_where_it_goes_across_the_keyboard() -> None:
    scene = Scene()
    scene.receive(0x90, 60, 127)
    assert scene.mixer.calls == []
    scene.mixer.keys = range(-48, 25)
    for note in (24, 60, 61, 40):
        scene.receive(0x90, note, 127)
        scene.receive(0x80, note, 0)
    played = [call[1] for call in scene.mixer.calls if call[0] == "hit"]
    assert played == [-12, 24, 4]
    assert [call[1] for call in scene.mixer.calls if call[0] == "release"] == played
    assert scene.lights == [(4, 1.0)]
    assert scene.did()[1:5] == [
        "played -12 semitones",
        "released -12",
        "played +24 semitones",
        "released +24",
    ]
    assert scene.did()[5] == "nothing", "above what a pad can do"


def test_pads_that_do_not_lie_in_a_row_leave_other_notes_silent() -> None:
    scene = Scene()
    scene.mixer.keys = range(-48, 25)
    odd = (37, 36, 42, 82, 40, 38, 46, 44, 48, 47, 45, 43, 49, 55, 51, 53)
    scene.router.set_mapping(MidiMapping(pad_map=PadMap("MPC", odd)))
    scene.receive(0x90, 60, 127)
    scene.receive(0x90, 37, 127)
    assert scene.mixer.calls == [("hit", 0, 1.0)]


def test_letting_go_releases_whatever_the_release_velocity() -> None:
    scene = Scene()
    for release in ((0x80, 40, 127), (0x90, 40, 0)):
        scene.receive(0x90, 40, 64)
        scene.receive(*release)
    assert scene.mixer.calls == [("hit", 4, 64 / 127), ("release", 4)] * 2


def test_what_is_held_on_a_port_that_was_pulled_out_is_free_retired() -> None:
    record = ControlLine("record", note=90)
    scene = Scene(record)
    scene.receive(0x90, 36, 127, port="A")
    scene.receive(0x90, 37, 127, port="B")
    scene.receive(0x90, 38, 127, port="Pingpad")
    scene.receive(0x90, 90, 127, port="A")
    scene.router.release_missing_ports(("B",))
    assert [call for call in scene.mixer.calls if call[0] == "release"] == [("release", 0)]
    assert scene.asked() == [("record", 1.0, 2), ("record", 0.0, 2)]
    assert scene.did()[-2:] == ["released pad 1", "Record while held"]
    scene.receive(0x80, 36, 0, port="A")
    assert [call for call in scene.mixer.calls if call[0] == "release"] == [("release", 0)]


def test_a_pad_held_while_the_map_changes_is_free_retired() -> None:
    scene = Scene()
    scene.receive(0x90, 36, 127)
    scene.router.set_mapping(MidiMapping(pad_map=PadMap("Other", tuple(range(60, 76)))))
    scene.receive(0x80, 36, 0)
    assert scene.mixer.calls[-1] == ("release", 0)
    scene.receive(0x90, 60, 127)
    assert scene.mixer.calls[-1] == ("hit", 0, 1.0)


def test_panic_is_silence_whatever_the_channel_filter_says() -> None:
    scene = Scene(channel=9)
    scene.receive(0xB0, 120, 0)
    scene.receive(0xB3, 123, 0)
    assert scene.mixer.calls == [("stop_all",)] * 2


def test_reset_makes_every_knob_untouched() -> None:
    scene = Scene()
    scene.receive(0xB0, 121, 0)
    assert scene.router.take_actions() == (ControllerReset(),)


def test_only_the_chosen_channel_plays() -> None:
    scene = Scene(channel=9)
    scene.receive(0x90, 36, 127)
    scene.receive(0x99, 36, 127)
    assert scene.mixer.calls == [("hit", 0, 1.0)]
    assert scene.did() == ["another channel", "hit pad 1"]


def test_what_plays_no_pad_is_counted() -> None:
    scene = Scene()
    scene.receive(0x90, 35, 100)
    scene.receive(0x80, 35, 100)
    scene.receive(0xFE)
    scene.receive(36, 100)
    scene.receive(0xF0, 1, 2, 0xF7)
    scene.receive(0x90, 36, 100)
    assert scene.router.counts() == MidiCounts(hits=1, other=2, ignored=2)


@given(st.lists(st.binary(max_size=5), max_size=50))
def test_a_stream_of_garbage_never_raises(messages: list[bytes]) -> None:
    scene = Scene(
        ControlLine("strength", cc=1),
        ControlLine("again", program=1),
        ControlLine("record", cc=2),
        ControlLine("hit", cc=3, pad=1),
    )
    for data in messages:
        scene.router.receive(data, 0.0, "Broken")
    counts = scene.router.counts()
    assert counts.hits == len(scene.lights)


def test_hit_and_release_carry_the_time_of_their_messages() -> None:
    mixer = FakeMixer()
    router = PadRouter(mixer, lambda pad, velocity: None)
    router.receive(bytes([0x90, 36, 1]), 2.0, "Pads")
    router.receive(bytes([0x80, 36, 1]), 2.5, "Pads")
    assert [call[0] for call in mixer.calls] == ["hit", "release"]
    assert mixer.times_s == [2.0, 2.5]


# --- controls ---


def test_a_message_asks_for_a_generation_on_the_pad_hit_last() -> None:
    scene = Scene(ControlLine("again", note=60), ControlLine("vary", program=3, pad=5))
    scene.receive(0x90, 60, 100)
    scene.receive(0x90, 38, 100)
    scene.receive(0x90, 60, 100)
    scene.receive(0xC0, 3)
    assert scene.asked() == [("again", 1.0, None), ("again", 1.0, 2), ("vary", 1.0, 4)]
    assert scene.mixer.calls == [("hit", 2, 100 / 127)]


def test_the_main_thread_is_woken_once_until_it_answers() -> None:
    scene = Scene(ControlLine("again", note=60))
    for _ in range(3):
        scene.receive(0x90, 60, 100)
    assert scene.woken == 1
    assert len(scene.asked()) == 3
    scene.receive(0x90, 60, 100)
    assert scene.woken == 2


def test_a_button_that_sends_a_control_is_pressed_once_and_let_go_once() -> None:
    scene = Scene(ControlLine("again", cc=20), ControlLine("record", cc=21))
    for value in (127, 127, 70, 0, 10, 127):
        scene.receive(0xB0, 20, value)
    assert scene.asked() == [("again", 1.0, None)] * 2
    for value in (127, 0):
        scene.receive(0xB0, 21, value)
    assert scene.asked() == [("record", 1.0, None), ("record", 0.0, None)]


def test_a_held_note_records_until_it_is_free_retired() -> None:
    scene = Scene(ControlLine("record", note=60))
    scene.receive(0x90, 60, 1)
    scene.receive(0x80, 60, 0)
    assert scene.asked() == [("record", 1.0, None), ("record", 0.0, None)]


def test_silence_by_a_control_does_not_wait_for_the_main_thread() -> None:
    scene = Scene(ControlLine("stop", note=60))
    scene.receive(0x90, 60, 1)
    assert scene.mixer.calls == [("stop_all",)] and scene.woken == 0


def test_a_control_may_play_a_pad_and_let_it_go() -> None:
    scene = Scene(ControlLine("hit", cc=20, pad=4), ControlLine("hit", note=99, pad=2))
    for data in ((0xB0, 20, 127), (0xB0, 20, 0), (0x90, 99, 64), (0x80, 99, 0)):
        scene.receive(*data)
    assert scene.mixer.calls == [
        ("hit", 3, 1.0),
        ("release", 3),
        ("hit", 1, 64 / 127),
        ("release", 1),
    ]


def test_a_knob_that_floods_asks_for_its_newest_place_alone() -> None:
    scene = Scene(ControlLine("strength", cc=1), ControlLine("strength", aftertouch=True))
    for value in range(128):
        scene.receive(0xB0, 1, value)
    assert scene.asked() == [("strength", 1.0, None)]
    scene.receive(0xD0, 0)
    scene.receive(0xA0, 36, 127)
    assert scene.asked() == [("strength", 1.0, None)]


def test_a_line_for_one_channel_comes_before_one_for_any() -> None:
    scene = Scene(ControlLine("again", note=60), ControlLine("vary", note=60, channel=2))
    scene.receive(0x90, 60, 1)
    scene.receive(0x91, 60, 1)
    assert [name for name, *_ in scene.asked()] == ["again", "vary"]


def test_a_controllers_own_notes_are_its_own_alone() -> None:
    grid = ControllerMap("Grid", ports=("Grid",), notes=tuple(range(16)))
    scene = Scene()
    scene.router.set_mapping(MidiMapping(maps=(grid,)))
    scene.receive(0x90, 0, 127, port="A Grid 1")
    scene.receive(0x90, 36, 127, port="A Grid 1")
    scene.receive(0x90, 36, 127, port="Other")
    assert scene.mixer.calls == [("hit", 0, 1.0), ("hit", 0, 1.0)]


def test_what_was_learnt_wins_on_its_own_port() -> None:
    learnt = Binding(Source(NOTE_ON, 36), TARGETS["again"], port="Pads MIDI 1")
    scene = Scene()
    scene.router.set_mapping(MidiMapping(learnt=(learnt,)))
    scene.receive(0x90, 36, 127, port="Pads MIDI 1 20:0")
    scene.receive(0x90, 36, 127, port="Others")
    assert scene.asked() == [("again", 1.0, None)]
    assert scene.mixer.calls == [("hit", 0, 1.0)]


# --- learning ---


def caught(scene: Scene) -> list[tuple[Source, str]]:
    return [
        (action.source, action.port)
        for action in scene.router.take_actions()
        if isinstance(action, CapturedControl)
    ]


def test_learning_catches_the_next_message_that_could_do_it_and_no_pad_plays() -> None:
    scene = Scene()
    scene.router.learn("press")
    scene.receive(0xD0, 60)
    scene.receive(0xB0, 20, 0)
    scene.receive(0x90, 36, 100, port="Pads 20:0")
    assert caught(scene) == [(Source(NOTE_ON, 36), "Pads")]
    scene.receive(0x90, 36, 100)
    assert scene.mixer.calls == [("hit", 0, 100 / 127)] and scene.did()[-2:] == [
        "learnt",
        "hit pad 1",
    ]


def test_a_value_learns_knobs_and_pressure_but_no_notes() -> None:
    scene = Scene()
    for data, source in (
        ((0xB0, 7, 3), Source(CONTROL_CHANGE, 7)),
        ((0xD0, 3), Source(CHANNEL_PRESSURE)),
    ):
        scene.router.learn("value")
        scene.receive(0x90, 36, 100)
        scene.receive(*data)
        assert caught(scene) == [(source, "Pads")]


def test_a_press_learns_a_program_change() -> None:
    scene = Scene()
    scene.router.learn("press")
    scene.receive(0xC0, 4)
    assert caught(scene) == [(Source(PROGRAM_CHANGE, 4), "Pads")]


def test_learning_that_was_ended_catches_nothing() -> None:
    scene = Scene()
    scene.router.learn("pad")
    scene.router.learn()
    scene.receive(0x90, 36, 127)
    assert caught(scene) == [] and scene.mixer.calls == [("hit", 0, 1.0)]


# --- clock and log ---


def test_a_clock_goes_to_who_follows_it_and_its_ticks_fill_no_log() -> None:
    scene = Scene()
    for data in ((0xFA,), (0xF8,), (0xF8,), (0xF2, 4, 0)):
        scene.receive(*data)
    assert [message for message, *_ in scene.clock.heard] == [
        ClockMessage("start"),
        ClockMessage("tick"),
        ClockMessage("tick"),
        SongPosition(4),
    ]
    assert scene.did() == ["followed", "followed"] and scene.router.event_count == 2


def test_the_log_keeps_the_last_events_and_what_each_did() -> None:
    scene = Scene()
    for _ in range(300):
        scene.receive(0x90, 36, 1)
    scene.receive(0x90, 1, 1)
    heard = scene.router.recent_events()
    assert len(heard) == 256 and scene.router.event_count == 301
    assert (heard[-1].outcome, heard[-2].outcome, heard[-1].port) == (
        "nothing",
        "hit pad 1",
        "Pads",
    )


def test_a_program_of_one_bank_is_told_from_the_same_of_another() -> None:
    scene = Scene(
        ControlLine("again", program=3, bank=130),
        ControlLine("vary", program=3, bank=0),
        ControlLine("cancel", program=3),
    )
    scene.receive(0xC0, 3)
    scene.receive(0xB0, 0, 1)
    scene.receive(0xB0, 32, 2)
    scene.receive(0xC0, 3)
    scene.receive(0xC1, 3)
    scene.receive(0xB0, 32, 9)
    scene.receive(0xC0, 3)
    names = [name for name, _, _ in scene.asked()]
    assert names == ["vary", "again", "vary", "cancel"]


def test_a_program_is_learnt_with_the_bank_it_is_of() -> None:
    scene = Scene()
    scene.receive(0xB0, 0, 1)
    scene.router.learn("press")
    scene.receive(0xC0, 3)
    (caught,) = scene.router.take_actions()
    assert isinstance(caught, CapturedControl) and caught.source == Source(
        PROGRAM_CHANGE, 3, bank=128
    )
