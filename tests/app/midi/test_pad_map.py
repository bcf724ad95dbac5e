from __future__ import annotations

from pathlib import Path

import pytest

from app.midi.pad_map import PadMap, read_pad_map


def test_notes_36_to_51_play_the_sixteen_pads_from_the_bottom_left() -> None:
    pads = read_pad_map()
    assert [pads.pad(note) for note in range(36, 52)] == list(range(16))
    assert pads.pad(35) is None and pads.pad(52) is None
    assert pads.note(15) == 51


def test_a_map_outside_midi_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.112, got 113"):
        PadMap(113)


@pytest.mark.parametrize("text", ["", "first_note = 'C1'", "first_note = 36\nextra = 1", "no toml"])
def test_a_preset_that_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pad_map.toml"
    path.write_text(text)
    with pytest.raises(ValueError):
        read_pad_map(path)
