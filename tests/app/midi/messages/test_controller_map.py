from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.midi.messages.controller_map import (
    PRESETS,
    Binding,
    Source,
    format_learnt_map,
    read_controller_map,
    read_controller_maps,
    strip_alsa_number,
)
from app.midi.messages.message import CHANNEL_PRESSURE, CONTROL_CHANGE, NOTE_ON, PROGRAM_CHANGE
from app.midi.messages.targets import TARGETS
from engine.files.strict import ConfigError

NOTES = list(range(16))


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def line(text: str) -> str:
    return f'name = "Mine"\n[[control]]\n{text}'


def test_every_preset_is_whole_and_says_what_it_is_for() -> None:
    read = read_controller_maps(PRESETS / "none of your own")
    assert read.errors == () and len(read.maps) >= 6
    for one in read.maps:
        assert one.name and one.ports and one.to_bindings()


def test_a_line_says_which_message_does_what_to_which_pad(tmp_path: Path) -> None:
    path = write(tmp_path, line('does = "again"\nnote = 60\nchannel = 10\npad = 3'))
    assert read_controller_map(path).to_bindings() == (
        Binding(Source(NOTE_ON, 60, 9), TARGETS["again"], 2),
    )


def test_sixteen_notes_stand_for_sixteen_pads(tmp_path: Path) -> None:
    path = write(tmp_path, line(f'does = "vary"\nnotes = {NOTES}'))
    bindings = read_controller_map(path).to_bindings()
    assert [(binding.source.number, binding.pad) for binding in bindings] == [
        (n, n) for n in range(16)
    ]


def test_a_pressed_hand_springs_back_so_aftertouch_does_not_wait_for_takeover(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, line('does = "strength"\naftertouch = true\nleast = 0.3\nmost = 0.9'))
    binding = read_controller_map(path).to_bindings()[0]
    assert binding.source == Source(CHANNEL_PRESSURE) and not binding.takeover
    assert (binding.least, binding.most) == (0.3, 0.9)
    path = write(tmp_path, line('does = "strength"\ncc = 1'))
    assert read_controller_map(path).to_bindings()[0].takeover


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (line('does = "explode"\nnote = 1'), "explode"),
        (line('does = "again"'), "needs one of note"),
        (line('does = "again"\nnote = 1\ncc = 2'), "needs one of note"),
        (line('does = "again"\nnote = 128'), r"note must be 0\.\.127, got 128"),
        (line('does = "again"\nnote = 1\nchannel = 0'), r"channel must be 1\.\.16, got 0"),
        (line('does = "again"\nnote = 1\npad = 17'), r"pad must be 1\.\.16, got 17"),
        (line('does = "stop"\nnote = 1\npad = 1'), "stop is not for one pad"),
        (line('does = "strength"\nnote = 1'), "strength is a value"),
        (line('does = "again"\naftertouch = true'), "again is no value"),
        (line('does = "again"\ncc = 1\nmost = 1'), "again is no value"),
        (line('does = "again"\ncc = 123'), "panic"),
        (line('does = "hit"\nnote = 1'), "hit needs a pad"),
        (line('does = "again"\nnote = 1\nbank = 1'), "a bank goes with a program"),
        (line('does = "again"\nprogram = 1\nbank = 16384'), r"bank must be 0\.\.16383"),
        (line('does = "kit"\nprogram = 1'), "go together"),
        (line('does = "again"\nprogram = 1\nkit = "/a"'), "go together"),
        (line('does = "again"\nnotes = [1, 2]'), "16 notes, got 2"),
        (line('does = "again"\nnote = "C3"'), "must be int"),
        (line('does = "again"\nnote = 1\ncolour = 3'), "unknown keys: colour"),
        ("[[control]]\ndoes = 'again'\nnote = 1", "lacks: name"),
        ('name = "A"\nnotes = [1]', "16 notes, got 1"),
        ("name = ", "could not be read"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence_that_names_it(
    tmp_path: Path, text: str, why: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=why) as refused:
        read_controller_map(path)
    assert "mine.toml" in str(refused.value)
    read = read_controller_maps(tmp_path)
    assert len(read.errors) == 1 and read.maps


LIGHTS = "\n".join(
    f"{state} = [0x90, 1]"
    for state in ("empty", "ready", "playing", "pending", "generating", "locked", "failed")
)


@pytest.mark.parametrize(
    ("head", "lights", "why"),
    [
        ("ports = ['A']", LIGHTS, "lights need notes"),
        (f"notes = {NOTES}", LIGHTS, "lights need ports"),
        (f"ports = ['A']\nnotes = {NOTES}", "ready = [0x90, 1]", "lacks: empty"),
        (f"ports = ['A']\nnotes = {NOTES}", LIGHTS + "\nleave = 'F0 01'", "whole message"),
        (f"ports = ['A']\nnotes = {NOTES}", LIGHTS + "\nleave = 'off'", "bytes like"),
        (
            f"ports = ['A']\nnotes = {NOTES}",
            LIGHTS.replace("failed = [0x90, 1]", "failed = [0x90, 200]"),
            "failed must be a status byte",
        ),
    ],
)
def test_lights_that_cannot_be_sent_are_refused(
    tmp_path: Path, head: str, lights: str, why: str
) -> None:
    path = write(tmp_path, f'name = "Mine"\n{head}\n[lights]\n{lights}')
    with pytest.raises(ConfigError, match=why):
        read_controller_map(path)


def test_the_players_maps_come_first_and_those_for_any_port_last(tmp_path: Path) -> None:
    write(tmp_path, 'name = "For any port"', "a")
    write(tmp_path, 'name = "My LPD8"\nports = ["LPD8"]', "b")
    write(tmp_path, 'name = "My APC"\nports = ["APC"]', "apc-mini")
    names = [one.name for one in read_controller_maps(tmp_path).maps]
    assert names[:2] == ["My APC", "My LPD8"] and names[-1] == "For any port"
    assert "APC mini" not in names and "APC mini mk2" in names


def test_a_port_is_known_by_its_name_whatever_number_alsa_gives_it() -> None:
    assert strip_alsa_number("LPD8:LPD8 MIDI 1 20:0") == "LPD8:LPD8 MIDI 1"
    assert strip_alsa_number("Pads 2") == "Pads 2"


values = [target for target in TARGETS.values() if target.kind == "value"]
channels = st.none() | st.integers(0, 15)
numbers = st.integers(0, 119)
text = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Binding,
            st.builds(
                Source,
                st.sampled_from([NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE]),
                numbers,
                channels,
            ),
            st.sampled_from([TARGETS["again"], TARGETS["vary"]]),
            st.none() | st.integers(0, 15),
            text,
        )
        | st.builds(
            Binding,
            st.builds(
                Source,
                st.just(PROGRAM_CHANGE),
                numbers,
                channels,
                st.none() | st.integers(0, 16383),
            ),
            st.just(TARGETS["kit"]),
            port=text,
            kit=text.filter(bool),
        )
        | st.builds(
            Binding,
            st.builds(Source, st.just(CONTROL_CHANGE), numbers, channels)
            | st.builds(Source, st.just(CHANNEL_PRESSURE), st.just(0), channels),
            st.sampled_from([target for target in values if target.for_pad]),
            st.none() | st.integers(0, 15),
            text,
            st.none() | st.integers(0, 10).map(float),
            st.none() | st.integers(0, 10).map(float),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_what_was_learnt_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, bindings: list[Binding]
) -> None:
    # Takeover is a word about values alone.
    path = tmp_path_factory.mktemp("learnt") / "learnt.toml"
    path.write_text(format_learnt_map(bindings), encoding="utf-8")
    assert read_controller_map(path).to_bindings() == tuple(
        binding if binding.target.kind == "value" else replace(binding, takeover=True)
        for binding in bindings
    )
