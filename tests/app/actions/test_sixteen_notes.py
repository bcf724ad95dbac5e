from __future__ import annotations

from app.actions.sixteen_notes import SixteenNotes
from app.model.session import Session


class Keys:
    pad: int | None = None


def test_the_selected_pad_keeps_the_keyboard_until_it_is_switched_off() -> None:
    session, keys = Session(), Keys()
    SixteenNotes(session, keys)
    session.select(5)
    session.sixteen_notes = True
    assert keys.pad == 5
    session.select(2)
    session.bpm = 99.0
    assert keys.pad == 5
    session.sixteen_notes = False
    assert keys.pad is None
