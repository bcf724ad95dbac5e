"""The recorder keeps every frame, those before it was asked too; trim finds the sound in it."""

from __future__ import annotations

import ctypes
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.audio.mixer.mixer import Mixer
from app.audio.recording.capture_buffer import MARGIN
from app.audio.recording.recorder import PRE_ROLL_S, InputRecorder, TakeRecorder, trim
from engine.clip import Clip
from tests.fakes.app.sound_system import CALLBACK

RATE = 48_000


def feed(recorder: InputRecorder, samples: NDArray[np.float32], flags: int = 0) -> None:
    """One input callback."""
    block = np.ascontiguousarray(samples, np.float32)
    CALLBACK(recorder.callback_address)(
        block.ctypes.data, None, len(block), None, flags, ctypes.c_void_p(recorder.memory_address)
    )


def ramp(frames: int, channels: int = 1) -> NDArray[np.float32]:
    """Every frame another value."""
    values = np.arange(frames, dtype=np.float32) / np.float32(frames)
    return np.repeat(values[:, None], channels, axis=1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=20), st.sampled_from([1, 2]))
def test_every_frame_is_kept(blocks: list[int], channels: int) -> None:
    recorder = InputRecorder(RATE, seconds=1.0)
    recorder.set_format(RATE, channels)
    whole = ramp(sum(blocks), channels)
    recorder.start()
    place = 0
    for frames in blocks:
        feed(recorder, whole[place : place + frames])
        place += frames
    clip = recorder.stop()
    assert clip is not None
    assert np.array_equal(clip.samples, whole)


def numbered(first: int, frames: int) -> NDArray[np.float32]:
    """Every frame its own number."""
    return np.arange(first, first + frames, dtype=np.float32)[:, None]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=30),
    st.integers(-2000, 60_000),
    st.integers(-2000, 60_000),
)
def test_a_take_is_what_a_list_of_all_frames_has_there(
    blocks: list[int], start: int, end: int
) -> None:
    """The slow model: a list of everything, of which the buffer still has the end."""
    recorder = InputRecorder(8000, seconds=0.5)
    capacity = len(recorder.buffer.segment.samples)
    everything: list[float] = []
    for number, frames in enumerate(blocks):
        if number == len(blocks) // 2:
            recorder.start(start)
        feed(recorder, numbered(len(everything), frames))
        everything += range(len(everything), len(everything) + frames)
    clip = recorder.stop(end)
    oldest = max(len(everything) - (capacity - MARGIN), 0)
    first = max(start, 0)
    wanted = everything[max(first, oldest) : max(min(end, first + 4000), 0)]
    assert (clip.samples[:, 0].tolist() if clip else []) == wanted


def test_a_take_begins_200_ms_before_it_was_asked_for() -> None:
    recorder = InputRecorder(RATE)
    feed(recorder, ramp(30_000))
    recorder.start()
    feed(recorder, ramp(200))
    first = recorder.stop()
    feed(recorder, ramp(300))
    recorder.start()
    second = recorder.stop()
    assert first is not None and second is not None
    before = round(PRE_ROLL_S * RATE)
    assert np.array_equal(first.samples[:before], ramp(30_000)[-before:])
    assert (first.frames, second.frames) == (before + 200, before)


def test_a_take_may_begin_and_end_later_than_now() -> None:
    recorder = InputRecorder(RATE)
    feed(recorder, numbered(0, 100))
    recorder.start(250)
    assert recorder.seconds == 0.0 and recorder.recording
    feed(recorder, numbered(100, 300))
    assert recorder.seconds == pytest.approx(150 / RATE)
    clip = recorder.stop(300)
    assert clip is not None and clip.samples[:, 0].tolist() == list(range(250, 300))


def test_the_first_loud_frame_is_found_whenever_one_looks() -> None:
    recorder = InputRecorder(RATE)
    sound = np.zeros((9000, 1), np.float32)
    sound[[100, 5000], 0] = 0.5
    feed(recorder, sound[:3000])
    assert recorder.find_loud(200, 0.4) is None
    feed(recorder, sound[3000:6000])
    assert recorder.find_loud(200, 0.6) is None
    feed(recorder, sound[6000:])
    later = InputRecorder(RATE)
    feed(later, sound)
    assert later.find_loud(200, 0.4) == 5000


def test_a_frame_is_found_by_the_moment_it_came_in() -> None:
    recorder = InputRecorder(RATE)
    assert recorder.frame_at(time.perf_counter()) is None
    feed(recorder, ramp(512))
    before = time.perf_counter()
    feed(recorder, ramp(512))
    after = time.perf_counter()
    found = recorder.frame_at(before), recorder.frame_at(after)
    assert found[0] is not None and found[1] is not None
    assert found[0] <= 512 <= found[1]
    assert recorder.frame_at(after + 1.0) == pytest.approx(found[1] + RATE, abs=1)


def test_what_a_mixer_played_can_be_cut_out_to_the_frame_without_its_clicks() -> None:
    mixer = Mixer(RATE, capture_s=2.0)
    mixer.set_metronome(-6.0)
    step = np.full((4800, 2), 0.25, np.float32)
    mixer.load(0, step)
    mixer.render(1000)
    mixer.hit(0, at_frame=30_000)
    mixer.render(60_000, 777)
    recorder = TakeRecorder(mixer.capture)
    recorder.start(30_000 + mixer.latency_frames)
    clip = recorder.stop(30_000 + mixer.latency_frames + 4800)
    assert clip is not None and clip.frames == 4800
    assert clip.samples[0, 0] == pytest.approx(0.25, abs=0.01)
    silent = mixer.capture.read(mixer.capture.segment, 0, 30_000 + mixer.latency_frames - 1)
    assert len(silent) > 24_000 and not silent.any()


def test_a_mixer_at_another_rate_goes_on_with_another_reel() -> None:
    mixer = Mixer(RATE, capture_s=1.0)
    mixer.render(1000)
    segment = mixer.capture.segment
    mixer.set_rate(44_100)
    mixer.load(0, np.full((100, 2), 0.5, np.float32))
    mixer.hit(0)
    mixer.render(1000)
    assert (segment.end, mixer.capture.segment.first, mixer.capture.segment.rate) == (
        1000,
        1000,
        44_100,
    )
    assert len(mixer.capture.read(segment, 0, 5000)) == 1000
    assert mixer.capture.read(mixer.capture.segment, 0, 5000).any()


def test_a_mixer_without_a_capture_buffer_keeps_nothing() -> None:
    mixer = Mixer(RATE)
    mixer.render(1000)
    assert len(mixer.capture.read(mixer.capture.segment, 0, 1000)) == 0


def test_nothing_came_is_none() -> None:
    recorder = InputRecorder(RATE)
    assert recorder.stop() is None
    recorder.start()
    assert recorder.stop() is None


def test_a_full_recorder_keeps_its_first_frames_and_says_so() -> None:
    recorder = InputRecorder(RATE, seconds=0.01)
    recorder.start()
    for _ in range(10):
        feed(recorder, ramp(100))
    assert recorder.full
    assert recorder.recording
    clip = recorder.stop()
    assert clip is not None
    assert clip.frames == 480
    assert not recorder.recording


def test_level_is_the_peak_since_it_was_read() -> None:
    recorder = InputRecorder(RATE)
    feed(recorder, np.array([[0.1], [-0.6], [0.2]]))
    assert recorder.level == pytest.approx(0.6)
    assert recorder.level == 0.0
    feed(recorder, np.array([[0.1]]))
    assert recorder.level == pytest.approx(0.1)


def test_seconds_grow_with_the_take() -> None:
    recorder = InputRecorder(RATE)
    recorder.start()
    feed(recorder, ramp(4800))
    assert recorder.seconds == pytest.approx(0.1)


def test_overflows_are_counted() -> None:
    recorder = InputRecorder(RATE)
    feed(recorder, ramp(10), flags=2)
    assert recorder.overflows == 1
    assert recorder.callbacks == 1


def test_a_new_format_in_mid_take_keeps_what_there_is() -> None:
    recorder = InputRecorder(RATE)
    recorder.start()
    feed(recorder, ramp(300))
    recorder.set_format(44_100, 2)
    feed(recorder, ramp(100, 2))
    assert recorder.recording and recorder.cut
    clip = recorder.stop()
    assert clip is not None
    assert (clip.frames, clip.rate, clip.channels) == (300, RATE, 1)


def test_an_input_that_was_closed_in_between_ends_a_take() -> None:
    recorder = InputRecorder(RATE)
    feed(recorder, ramp(300))
    recorder.start()
    recorder.set_format(RATE, 1)
    feed(recorder, ramp(100))
    assert recorder.cut
    clip = recorder.stop()
    assert clip is not None and clip.frames == 300
    recorder.start()
    assert not recorder.cut
    clip = recorder.stop()
    assert clip is not None and clip.frames == 100


def test_a_broken_driver_gives_silence_not_an_error() -> None:
    recorder = InputRecorder(RATE)
    recorder.start()
    feed(recorder, np.array([[0.5], [np.nan], [np.inf]]))
    clip = recorder.stop()
    assert clip is not None
    assert clip.samples[:, 0].tolist() == [0.5, 0.0, 0.0]


# --- trim ---


def with_noise(samples: NDArray[np.float32], level: float) -> Clip:
    noise = np.random.default_rng(0).uniform(-level, level, samples.shape)
    return Clip((samples + noise).astype(np.float32), RATE)


def drum(before: int, frames: int, after: int, level: float = 0.5) -> NDArray[np.float32]:
    hit = level * np.exp(-np.arange(frames) / 4000) * np.sin(np.arange(frames) * 0.3 + 1.5)
    quiet = np.zeros(before), hit, np.zeros(after)
    return np.concatenate(quiet)[:, None].astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.01])
def test_silence_before_is_cut_to_5_ms(noise: float) -> None:
    clip = trim(with_noise(drum(30_000, 20_000, 30_000), noise))
    onset = int(np.flatnonzero(np.abs(clip.samples[:, 0]) > 0.1)[0])
    assert abs(onset - 240) <= 3


def test_silence_after_is_cut_and_the_tail_stays() -> None:
    clip = trim(with_noise(drum(1000, 20_000, 60_000), 0.0))
    assert 17_000 < clip.frames < 23_000


def test_a_sound_without_silence_stays_whole() -> None:
    whole = Clip((0.3 * np.sin(np.arange(40_000) * 0.05))[:, None].astype(np.float32), RATE)
    assert trim(whole).frames >= whole.frames - 100


def test_all_beats_of_a_rhythm_stay_with_their_timing() -> None:
    beats = np.concatenate([drum(9000, 3000, 0, level) for level in (0.5, 0.1, 0.4)])
    clip = trim(with_noise(beats, 0.001))
    loud = np.flatnonzero(np.abs(clip.samples[:, 0]) > 0.05)
    assert loud[-1] - loud[0] > 24_000


def test_silence_comes_back_whole() -> None:
    silent = Clip(np.zeros((5000, 1), np.float32), RATE)
    assert trim(silent).frames == 5000


def test_a_single_frame_can_be_trimmed() -> None:
    assert trim(Clip(np.ones((1, 2), np.float32), RATE)).frames == 1
