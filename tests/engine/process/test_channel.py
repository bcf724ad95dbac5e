"""Messages and clips cross whole, and a cut pipe is noticed."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest

from engine.api import Cancel, Finished, Generate, Recipe, Timing
from engine.clip import Clip
from engine.process.channel import Channel, ClipLocation, SharedBuffer, read_shared_clip

CLIP = Clip(np.linspace(-1, 1, 2_000, dtype=np.float32).reshape(-1, 2), 44_100)
FINISHED = Finished(1, Recipe("kick", seed=1), CLIP, Timing(1.0, 2.0, 3.0, 4.0, 10.0))


@pytest.fixture
def buffer() -> Iterator[SharedBuffer]:
    buffer = SharedBuffer.create(CLIP.samples.nbytes)
    yield buffer
    buffer.close()


def crossed(pipe: io.BytesIO) -> Channel:
    return Channel(io.BytesIO(pipe.getvalue()), io.BytesIO())


def no_buffer(place: ClipLocation) -> Clip:
    raise AssertionError(f"nothing lies in a buffer: {place}")


def test_message_arrives_as_it_was_sent() -> None:
    pipe = io.BytesIO()
    channel = Channel(io.BytesIO(), pipe)
    channel.send(Cancel(3))
    channel.send(Generate(4, Recipe("🥁 kick", seconds=2.5)))
    other = crossed(pipe)
    assert other.receive(no_buffer).message == Cancel(3)
    assert other.receive(no_buffer).message == Generate(4, Recipe("🥁 kick", seconds=2.5))
    with pytest.raises(EOFError):
        other.receive(no_buffer)


def test_clip_goes_through_its_lane_and_not_through_the_pipe(buffer: SharedBuffer) -> None:
    pipe = io.BytesIO()
    Channel(io.BytesIO(), pipe).send(FINISHED, buffer, name_buffer=True)
    assert len(pipe.getvalue()) < 1_000
    envelope = crossed(pipe).receive(read_shared_clip)
    assert envelope.buffer == buffer.name
    assert isinstance(envelope.message, Finished)
    np.testing.assert_array_equal(envelope.message.clip.samples, CLIP.samples)
    assert envelope.message.timing == FINISHED.timing


def test_clip_that_is_too_large_for_its_lane_goes_through_the_pipe() -> None:
    pipe, small = io.BytesIO(), SharedBuffer.create(16)
    Channel(io.BytesIO(), pipe).send(FINISHED, small)
    small.close()
    message = crossed(pipe).receive(no_buffer).message
    assert isinstance(message, Finished)
    np.testing.assert_array_equal(message.clip.samples, CLIP.samples)


def test_message_cut_in_the_middle_is_noticed() -> None:
    pipe = io.BytesIO()
    Channel(io.BytesIO(), pipe).send(FINISHED)
    half = Channel(io.BytesIO(pipe.getvalue()[:4_000]), io.BytesIO())
    with pytest.raises(EOFError):
        half.receive(no_buffer)


def test_memory_that_is_not_there_is_refused_and_not_touched() -> None:
    with pytest.raises(OSError, match=r"no room|[Mm]emory|space"):
        SharedBuffer.create(1 << 50)
