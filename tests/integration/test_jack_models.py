"""Another model while a loop plays on a real JACK server: no callback is late or left out."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jack_server import JackServer, why_not
from published_folder import write_published

from app.audio.mixer import Mixer
from app.audio.realtime_bench import open_devices
from app.audio.voicing import Voicing
from engine.api import Answer, Failed, Finished, Ready, Recipe
from engine.client import EngineThread
from engine.model_card import EMBEDDED_FOLDER

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
RATE, BLOCK = 48_000, 128
WITHIN_S = 120.0
LOST = 0.02
"""The share of its cycles that a server without a sound card may lose to a busy machine."""


@pytest.fixture
def looping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mixer]:
    """A mixer that plays a loop to a server of its own."""
    server = JackServer(f"pingpadmodels{os.getpid()}", tmp_path / "jackd.log", BLOCK)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server.start()
    mixer = Mixer(RATE)
    rng = np.random.default_rng(0)
    mixer.load(0, rng.uniform(-0.1, 0.1, (RATE, 2)).astype(np.float32))
    mixer.configure(0, Voicing("loop"))
    devices = open_devices(mixer)
    try:
        mixer.hit(0)
        yield mixer
    finally:
        devices.close()
        server.stop()


def stolen() -> int:
    """Time that other machines took from this one, in ticks."""
    return int(Path("/proc/stat").read_text(encoding="ascii").split()[8])


def test_switching_models_while_a_loop_plays_drops_no_callback(
    looping: Mixer, tmp_path: Path
) -> None:
    import jack

    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def wait(kind: type[Answer]) -> None:
        while True:
            answer = answers.get(timeout=WITHIN_S)
            assert not isinstance(answer, Failed), answer
            if isinstance(answer, kind):
                return

    small = write_published(tmp_path / "small")
    engine = EngineThread(answers.put, EMBEDDED_FOLDER)
    clock = jack.Client("clock", no_start_server=True)
    engine.start()
    try:
        wait(Ready)
        before, began, stolen_before = looping.counts(), clock.frame_time, stolen()
        for folder in (small, EMBEDDED_FOLDER):
            engine.use(folder)
            wait(Ready)
            engine.generate(Recipe("kick", 0.3, 2))
            wait(Finished)
        after, elapsed, was_stolen = looping.counts(), clock.frame_time - began, stolen()
    finally:
        engine.stop()
        clock.close()
    assert after.frame - before.frame == (after.callbacks - before.callbacks) * BLOCK
    assert after.dropped_commands == before.dropped_commands
    assert after.frame - before.frame > (1 - LOST) * elapsed
    if was_stolen == stolen_before:
        assert after.late == before.late
    assert looping.playing(0) is not None
