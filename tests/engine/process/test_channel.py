"""Messages and clips cross whole, and a cut pipe is noticed."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest

from engine.api import Cancel, Finished, Generate, Recipe, Timing
from engine.clip import Clip
from engine.process.channel import ClipPlace, Lane, Wire, take_attached

CLIP = Clip(np.linspace(-1, 1, 2_000, dtype=np.float32).reshape(-1, 2), 44_100)
FINISHED = Finished(1, Recipe("kick", seed=1), CLIP, Timing(1.0, 2.0, 3.0, 4.0, 10.0))


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane.create(CLIP.samples.nbytes)
    yield lane
    lane.close()


def crossed(pipe: io.BytesIO) -> Wire:
    return Wire(io.BytesIO(pipe.getvalue()), io.BytesIO())


def no_lane(place: ClipPlace) -> Clip:
    raise AssertionError(f"nothing lies in a lane: {place}")


def test_message_arrives_as_it_was_sent() -> None:
    pipe = io.BytesIO()
    wire = Wire(io.BytesIO(), pipe)
    wire.send(Cancel(3))
    wire.send(Generate(4, Recipe("🥁 kick", seconds=2.5)))
    other = crossed(pipe)
    assert other.receive(no_lane).message == Cancel(3)
    assert other.receive(no_lane).message == Generate(4, Recipe("🥁 kick", seconds=2.5))
    with pytest.raises(EOFError):
        other.receive(no_lane)


def test_clip_goes_through_its_lane_and_not_through_the_pipe(lane: Lane) -> None:
    pipe = io.BytesIO()
    Wire(io.BytesIO(), pipe).send(FINISHED, lane, name_lane=True)
    assert len(pipe.getvalue()) < 1_000
    parcel = crossed(pipe).receive(take_attached)
    assert parcel.lane == lane.name
    assert isinstance(parcel.message, Finished)
    np.testing.assert_array_equal(parcel.message.clip.samples, CLIP.samples)
    assert parcel.message.timing == FINISHED.timing


def test_clip_that_is_too_large_for_its_lane_goes_through_the_pipe() -> None:
    pipe, small = io.BytesIO(), Lane.create(16)
    Wire(io.BytesIO(), pipe).send(FINISHED, small)
    small.close()
    message = crossed(pipe).receive(no_lane).message
    assert isinstance(message, Finished)
    np.testing.assert_array_equal(message.clip.samples, CLIP.samples)


def test_message_cut_in_the_middle_is_noticed() -> None:
    pipe = io.BytesIO()
    Wire(io.BytesIO(), pipe).send(FINISHED)
    half = Wire(io.BytesIO(pipe.getvalue()[:4_000]), io.BytesIO())
    with pytest.raises(EOFError):
        half.receive(no_lane)


def test_memory_that_is_not_there_is_refused_and_not_touched() -> None:
    with pytest.raises(OSError, match=r"no room|[Mm]emory|space"):
        Lane.create(1 << 50)
