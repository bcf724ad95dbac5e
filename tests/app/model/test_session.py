from __future__ import annotations

import math

import pytest

from app.model.session import EngineState, Notice, Session, bars_in_s
from engine.errors import PlayerError


def test_a_setting_tells_only_when_it_changes() -> None:
    session = Session()
    heard: list[object] = []
    session.settings_changed.connect(lambda: heard.append(session.prompt))
    session.prompt = "kick"
    session.prompt = "kick"
    assert heard == ["kick"]
    assert session.seed is None and session.steps == 8


def test_two_sessions_share_no_settings() -> None:
    one, two = Session(), Session()
    one.bpm = 90.0
    assert two.bpm == 120.0


def test_selecting_tells_and_refuses_pads_that_are_not_there() -> None:
    session = Session()
    heard: list[object] = []
    session.selection_changed.connect(lambda: heard.append(session.selected))
    session.select(5)
    session.select(5)
    assert heard == [5] and session.selected_pad.index == 5
    with pytest.raises(IndexError, match=r"0\.\.15, got 16"):
        session.select(16)


def test_notices_engine_and_recording_are_told() -> None:
    session = Session()
    heard: list[object] = []
    session.notice.connect(heard.append)
    session.engine_changed.connect(lambda: heard.append(session.engine))
    session.recording_changed.connect(lambda: heard.append(session.recording))
    session.notify("Hello.", "warning")
    session.set_engine(EngineState("Ready", ready=True), frozenset({"kick"}))
    session.set_recording(True)
    session.set_recording(True)
    assert heard == [Notice("Hello.", "warning"), EngineState("Ready", ready=True), True]
    assert session.vocabulary == {"kick"}
    session.set_engine(EngineState())
    assert session.vocabulary == {"kick"}


def test_bars_at_a_tempo_are_exact_seconds() -> None:
    assert bars_in_s(1, 120) == 2.0
    assert bars_in_s(4, 96) == 10.0
    assert bars_in_s(6, 120) == 12.0


def test_bars_too_long_for_the_engine_say_how_many_fit() -> None:
    with pytest.raises(PlayerError, match=r"8 bars last 32\.0 s at 60 bpm.*Use 3 or fewer"):
        bars_in_s(8, 60)
    with pytest.raises(PlayerError, match=r"2 bars last 24\.0 s at 20 bpm.*Use 1 bar"):
        bars_in_s(2, 20)
    assert bars_in_s(1, 20) == 12.0


@pytest.mark.parametrize("bpm", [0.0, -1.0, math.nan, math.inf, 1e9])
def test_a_tempo_that_is_none_is_refused(bpm: float) -> None:
    with pytest.raises(PlayerError, match=r"tempo must be 20\.\.999"):
        bars_in_s(1, bpm)


def test_no_bars_are_refused() -> None:
    with pytest.raises(PlayerError, match="1 or more, got 0"):
        bars_in_s(0, 120)


def test_the_length_follows_its_unit() -> None:
    session = Session()
    session.seconds, session.bars, session.bpm = 0.5, 2, 120.0
    assert session.length_s() == 0.5
    session.length_unit = "bars"
    assert session.length_s() == 4.0
