from __future__ import annotations

from dataclasses import replace

import pytest

from app.audio.mixer.pad_parameters import PadParameters
from app.model.kit import Kit, KitRecord, Pad, PadRecord
from app.model.takes import Take, new_take_id
from tests.fakes.engine.engine_thread import tone


def make(name: str = "kick") -> Take:
    return Take(new_take_id(), tone(0.01), "generated", None, 0.0, None, name)


def test_a_pad_shows_the_name_the_player_gave_else_the_takes() -> None:
    pad = Pad(0)
    assert pad.title == ""
    pad.takes.add(make("punchy kick"))
    assert pad.title == "punchy kick"
    pad.name = "Boom"
    assert pad.title == "Boom"


def test_state_progress_and_message_change_together_and_are_told_once() -> None:
    pad, heard = Pad(0), []
    pad.changed.connect(lambda: heard.append((pad.state, pad.progress, pad.message)))
    pad.show("failed", message="No.")
    assert heard == [("failed", 0.0, "No.")]


def test_a_pad_settles_on_what_the_next_hit_plays() -> None:
    pad = Pad(0)
    pad.takes.add(make())
    pad.settle()
    assert pad.state == "empty"
    pad.loaded = pad.takes.current
    pad.settle()
    assert pad.state == "ready"


def test_a_kit_restored_from_its_record_is_the_same_kit() -> None:
    kit = Kit("One")
    pad = kit.pads[3]
    pad.name, pad.parameters, pad.locked = "Hat", PadParameters("gate", -3.0, 2, tune=5.0), True
    pad.takes.add(make())
    pad.takes.add(make())
    pad.takes.previous()
    other = Kit()
    other.restore(kit.record())
    assert other.record() == kit.record()
    assert other.times_opened == 1
    assert other.find_take(pad.takes.items[1].id) is pad.takes.items[1]
    assert other.find_take("nobody") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"current": 0}, "got 0"),
    ],
)
def test_a_pad_nobody_could_play_is_refused_by_name_and_value(
    change: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        replace(PadRecord(), **change)  # type: ignore[arg-type]


def test_a_kit_has_sixteen_pads() -> None:
    with pytest.raises(ValueError, match="16 pads, got 1"):
        KitRecord("Small", (PadRecord(),))
