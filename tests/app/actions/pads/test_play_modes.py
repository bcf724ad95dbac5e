from __future__ import annotations

from app.actions.pads.play_modes import PlayModes
from app.audio.mixer.keyboard import Keyboard
from app.audio.mixer.mixer import Mixer
from app.model.session import Session


def test_the_selected_pad_keeps_the_keyboard_until_it_is_switched_off() -> None:
    session, keys = Session(), Keyboard(Mixer())
    PlayModes(session, keys)
    session.select(5)
    session.sixteen_notes = True
    assert keys.pad == 5
    session.select(2)
    session.bpm = 99.0
    assert keys.pad == 5
    session.sixteen_notes = False
    assert keys.pad is None


def test_full_level_is_for_all_who_hit_pads() -> None:
    session, keys = Session(), Keyboard(Mixer())
    PlayModes(session, keys)
    session.full_level = True
    assert keys.full_level
    session.full_level = False
    assert not keys.full_level
