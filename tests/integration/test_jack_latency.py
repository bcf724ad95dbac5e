"""The latency table on a real server: a note in one process is heard as a sound in another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.bench.latency import RUNNING, LatencyRow, measure_latency
from tests.fakes.app.jack_server import JackServer, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def test_a_server_that_runs_is_measured_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = JackServer(f"pingpadlatency{os.getpid()}", tmp_path / "jackd.log", 256)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server.start()
    rows: list[LatencyRow] = []
    try:
        measure_latency(3.0, (64,), rows.append)
    finally:
        server.stop()
    (row,) = rows
    assert (row.driver, row.block_frames, row.rate) == (RUNNING, 256, 48_000)
    assert row.callbacks > 100 and row.times.hits >= 10
    # A busy machine loses cycles with their notes, and is late with others.
    assert row.times.heard >= row.times.hits / 2
    assert 0.0 < row.times.median_ms < 60.0
