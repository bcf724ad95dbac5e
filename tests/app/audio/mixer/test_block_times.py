"""Frames and moments of the callback's blocks."""

from __future__ import annotations

import time

from app.audio.mixer.mixer import Mixer

RATE = 48_000


def test_frame_at_keeps_the_distance_of_hits_and_is_one_block_late() -> None:
    mixer = Mixer(RATE)
    assert mixer.frame_at(time.perf_counter()) is None
    mixer.render(1280, 128)
    status = mixer.memory.status
    began_s = int(status["block_ticks"]) / 1e9
    first = mixer.frame_at(began_s)
    assert first == 1280
    assert mixer.frame_at(began_s + 0.001) == 1280 + 48
    assert mixer.frame_at(began_s + 10.0) is None


def test_the_callback_reads_the_clock_python_reads() -> None:
    mixer = Mixer(RATE)
    before = time.perf_counter()
    mixer.render(128)
    ticks = int(mixer.memory.status["block_ticks"])
    seconds = ticks / int(mixer.memory.control["ticks_per_s"])
    assert before <= seconds <= time.perf_counter()
