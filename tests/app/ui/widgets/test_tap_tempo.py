import pytest

from app.ui.widgets.tap_tempo import TapTempo


def test_four_taps_half_a_second_apart_are_120_bpm() -> None:
    times = iter([0.0, 0.5, 1.0, 1.5])
    tempo = TapTempo(lambda: next(times))
    assert [tempo.tap() for _ in range(4)] == [None, 120.0, 120.0, 120.0]


def test_uneven_taps_are_averaged() -> None:
    times = iter([0.0, 0.48, 1.0, 1.5])
    tempo = TapTempo(lambda: next(times))
    assert [tempo.tap() for _ in range(4)][-1] == pytest.approx(120.0)


def test_a_long_pause_begins_a_new_count() -> None:
    times = iter([0.0, 0.5, 10.0, 10.4])
    tempo = TapTempo(lambda: next(times))
    assert [tempo.tap() for _ in range(4)] == [None, 120.0, None, 150.0]


def test_two_taps_in_the_same_instant_are_no_tempo() -> None:
    tempo = TapTempo(lambda: 1.0)
    assert [tempo.tap(), tempo.tap()] == [None, None]


def test_a_frantic_tapper_gets_the_fastest_tempo_there_is() -> None:
    times = iter([0.0, 0.001])
    tempo = TapTempo(lambda: next(times))
    assert [tempo.tap(), tempo.tap()] == [None, 999.0]
