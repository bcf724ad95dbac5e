from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.midi.lights import ALL_EMPTY, GENERIC, LightSettings, PadLights
from app.midi.messages.controller_map import ControllerMap, read_controller_maps
from app.midi.messages.pad_map import make_chromatic_map
from app.midi.ports.shutdown_messages import ShutdownMessages

MAPS = {one.name: one for one in read_controller_maps(Path("none of your own")).maps}
LAUNCHPAD = "Launchpad Mini MK3 LPMiniMK3 MI"


class Guard:
    def __init__(self) -> None:
        self.armed: list[list[ShutdownMessages]] = []

    def arm(self, shutdown_messages: Sequence[ShutdownMessages]) -> None:
        self.armed.append(list(shutdown_messages))


class Scene:
    def __init__(self, *maps: ControllerMap, choice: str = "automatic") -> None:
        self.playing: dict[int, float] = {}
        self.guard = Guard()
        self.lights = PadLights(self.playing.get, self.guard.arm)
        self.lights.configure(LightSettings(choice, maps, make_chromatic_map()))
        self.time_s = 0.0

    def begin(self, name: str) -> list[bytes]:
        assert name in self.lights.select_outputs([name])
        return list(self.lights.start(name))

    def due(self, name: str) -> list[bytes]:
        self.time_s += 1.0
        return list(self.lights.poll(name, self.time_s))


def light(scene: Scene, name: str, pad: int, state: str) -> bytes:
    states = list(ALL_EMPTY)
    states[pad] = state  # type: ignore[call-overload]
    scene.lights.set_states(states)
    messages = scene.due(name)
    assert len(messages) == 1
    return messages[0]


@pytest.mark.parametrize(
    ("title", "port", "enter", "leave"),
    [
        ("Launchpad Mini MK3", LAUNCHPAD, "f0002029020d0e01f7", "f0002029020d0e00f7"),
        ("Launchpad X", "Launchpad X LPX MI", "f0002029020c0e01f7", "f0002029020c0e00f7"),
        (
            "Launchpad Pro MK3",
            "Launchpad Pro MK3 LPProMK3 MIDI",
            "f0002029020e0e01f7",
            "f0002029020e0e00f7",
        ),
    ],
)
def test_a_launchpad_is_lit_byte_for_byte(title: str, port: str, enter: str, leave: str) -> None:
    scene = Scene(MAPS[title])
    assert scene.begin(port) == [bytes.fromhex(enter)]
    assert len(scene.due(port)) == 16
    # The second row's third pad is 23 in programmer mode.
    seen = {
        state: light(scene, port, 6, state).hex()
        for state in ("ready", "pending", "generating", "locked", "failed", "empty")
    }
    assert seen == {
        "ready": "901717",
        "pending": "90170b",
        "generating": "921709",
        "locked": "90172d",
        "failed": "901705",
        "empty": "901700",
    }
    scene.playing[6] = 0.1
    assert scene.due(port) == [bytes.fromhex("901703")]
    last = list(scene.lights.stop(port))
    assert last[-1] == bytes.fromhex(leave)
    assert last[0].hex() == "900b00" and len(last) == 17


def test_both_apc_minis_are_lit_byte_for_byte() -> None:
    for title, port, wanted in (
        (
            "APC mini mk2",
            "APC mini mk2 MIDI 1",
            ["920915", "920909", "990909", "96092d", "960905", "900900", "960903"],
        ),
        (
            "APC mini",
            "APC MINI MIDI 1",
            ["900901", "900905", "900906", "900903", "900904", "900900", "900902"],
        ),
    ):
        scene = Scene(MAPS[title])
        assert scene.begin(port) == []
        scene.due(port)
        # The second row's second pad is 9 of eight in a row.
        seen = [
            light(scene, port, 5, state).hex()
            for state in ("ready", "pending", "generating", "locked", "failed", "empty", "playing")
        ]
        assert seen == wanted


def test_any_pads_that_show_a_velocity_are_lit_by_the_players_note_map() -> None:
    scene = Scene(choice="My pads")
    assert scene.lights.select_outputs(["My pads", "Synth"]) == {"My pads"}
    assert scene.begin("My pads") == []
    assert scene.due("My pads") == [bytes([0x99, 36 + pad, 0]) for pad in range(16)]
    velocities = [light(scene, "My pads", 0, state)[2] for state in ("ready", "generating")]
    assert velocities == [GENERIC.ready[1], GENERIC.generating[1]]


def test_no_state_looks_like_another() -> None:
    for lights in (GENERIC, *(one.lights for one in MAPS.values() if one.lights is not None)):
        states = ("empty", "ready", "playing", "pending", "generating", "locked", "failed")
        assert len({getattr(lights, state) for state in states}) == len(states)


def test_only_what_changed_is_sent_and_no_faster_than_eyes_see() -> None:
    scene = Scene(MAPS["APC mini"])
    scene.begin("APC MINI")
    assert len(list(scene.lights.poll("APC MINI", 1.0))) == 16
    scene.playing[0] = 0.0
    assert list(scene.lights.poll("APC MINI", 1.01)) == []
    assert len(list(scene.lights.poll("APC MINI", 1.04))) == 1
    assert list(scene.lights.poll("APC MINI", 2.0)) == []


def test_of_a_controllers_ports_the_best_alone_is_lit() -> None:
    scene = Scene(*MAPS.values())
    windows = ["LPMiniMK3 MIDI", "MIDIOUT2 (LPMiniMK3 MIDI)", "Some synth"]
    assert scene.lights.select_outputs(windows) == {"MIDIOUT2 (LPMiniMK3 MIDI)"}
    linux = ["Launchpad Mini MK3 LPMiniMK3 DA", LAUNCHPAD, "APC mini mk2 Control"]
    assert scene.lights.select_outputs(linux) == {LAUNCHPAD, "APC mini mk2 Control"}


def test_lights_that_are_off_light_nothing() -> None:
    scene = Scene(*MAPS.values(), choice="off")
    assert scene.lights.select_outputs([LAUNCHPAD]) == frozenset()


def test_a_controller_lit_by_other_rules_is_let_go_first() -> None:
    scene = Scene(*MAPS.values())
    scene.begin(LAUNCHPAD)
    assert scene.lights.select_outputs([LAUNCHPAD]) == {LAUNCHPAD}
    scene.lights.configure(LightSettings(LAUNCHPAD))
    assert scene.lights.select_outputs([LAUNCHPAD]) == frozenset()
    list(scene.lights.stop(LAUNCHPAD))
    assert scene.lights.select_outputs([LAUNCHPAD]) == {LAUNCHPAD}


def test_the_guard_knows_at_all_times_what_is_owed_to_whom() -> None:
    scene = Scene(MAPS["Launchpad X"])
    scene.begin("LPX MIDI")
    assert [one.port for one in scene.guard.armed[-1]] == ["LPX MIDI"]
    assert scene.guard.armed[-1][0].messages[-1].hex() == "f0002029020c0e00f7"
    list(scene.lights.stop("LPX MIDI"))
    assert scene.guard.armed[-1] == []
