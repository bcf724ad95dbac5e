from __future__ import annotations

import json
import math

import pytest

from app.bench import latency
from app.bench.jack_player import HitTimes
from app.bench.latency import DUMMY, LatencyRow, as_json, format_table, measure_latency
from engine.errors import PlayerError

ROWS = [
    LatencyRow(64, DUMMY, 48_000, 15_000, 3, HitTimes(160, 160, 2.345, 4.0, 4.25, 4.5)),
    LatencyRow(1024, DUMMY, 48_000, 900, 0, HitTimes(160, 0, *4 * [math.nan])),
]


def test_the_table_names_block_driver_times_and_what_was_missed() -> None:
    head, first, second = format_table(ROWS).splitlines()
    assert head.split()[:2] == ["block", "driver"]
    assert "note to sound" in head and "worst" in head and "missed" in head
    for cell in ("64 (1.3 ms)", DUMMY, "2.35 ms", "4.00 ms", "4.50 ms", "3 of 15000", "160 of 160"):
        assert cell in first
    assert "1024 (21.3 ms)" in second and "-" in second and "0 of 160" in second
    assert len({line.index("JACK") for line in (first, second)}) == 1


def test_json_has_every_figure() -> None:
    first = json.loads(as_json(ROWS[:1]))[0]
    assert first["block_frames"] == 64 and first["times"]["median_ms"] == 2.345


@pytest.mark.parametrize(
    ("seconds", "blocks", "why"),
    [
        (0.5, (128,), r"Seconds must be 1\.\.3600, got 0\.5"),
        (math.nan, (128,), "got nan"),
        (5.0, (100,), "power of two"),
        (5.0, (8,), "power of two"),
        (5.0, (), "got none"),
    ],
)
def test_nonsense_is_refused(seconds: float, blocks: tuple[int, ...], why: str) -> None:
    with pytest.raises(PlayerError, match=why):
        measure_latency(seconds, blocks, lambda row: None)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_server_runs", lambda: False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PlayerError, match="apt install jackd2"):
        measure_latency(5.0, (128,), lambda row: None)
    monkeypatch.setattr(latency, "find_spec", lambda name: None)
    with pytest.raises(PlayerError, match="pip install JACK-Client"):
        measure_latency(5.0, (128,), lambda row: None)
