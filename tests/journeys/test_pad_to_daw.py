"""(d) Pad to DAW: the WAV is there before the drag, and nothing ever touches it again."""

from __future__ import annotations

import numpy as np

from engine.files.audio import read_clip
from tests.fakes.app.whole_instrument import WholeInstrument


def test_the_file_is_whole_before_the_drag_and_the_same_after_everything(
    instrument: WholeInstrument,
) -> None:
    instrument.make("punchy 909 kick", 0)
    path = instrument.actions.drag_out.file_for_drag(0)
    take = instrument.pads[0].takes.current
    assert path is not None and take is not None
    assert np.array_equal(read_clip(path).samples, take.clip.samples)
    before, time = path.read_bytes(), path.stat().st_mtime_ns
    instrument.make("punchy 909 kick", 0)
    instrument.actions.takes.undo(0)
    instrument.until_playable(0)
    assert instrument.actions.drag_out.file_for_drag(0) == path
    assert path.read_bytes() == before and path.stat().st_mtime_ns == time


def test_a_file_that_was_dragged_can_be_dropped_on_another_pad(
    instrument: WholeInstrument,
) -> None:
    instrument.make("kick", 0)
    path = instrument.actions.drag_out.file_for_drag(0)
    assert path is not None
    instrument.actions.import_file.drop_file(path, 7)
    instrument.until(lambda: instrument.pads[7].takes.current)
    instrument.until_playable(7)
    one, two = instrument.pads[0].takes.current, instrument.pads[7].takes.current
    assert one is not None and two is not None
    assert np.array_equal(one.clip.samples, two.clip.samples)
