from app.actions.tap_tempo import TapTempo
from app.model.session import Session

START = 87.0


def tap(*times: float) -> list[float]:
    """Tap at these moments and return the tempo after each."""
    session, left = Session(), list(times)
    session.bpm = START
    tempo = TapTempo(session, lambda: left.pop(0))
    tempi = []
    while left:
        tempo.tap()
        tempi.append(session.bpm)
    return tempi


def test_four_taps_half_a_second_apart_are_120_bpm() -> None:
    assert tap(0.0, 0.5, 1.0, 1.5) == [START, 120.0, 120.0, 120.0]


def test_uneven_taps_are_averaged() -> None:
    assert tap(0.0, 0.48, 1.0, 1.5)[-1] == 120.0


def test_a_long_pause_begins_a_new_count() -> None:
    assert tap(0.0, 0.5, 10.0, 10.4) == [START, 120.0, 120.0, 150.0]


def test_two_taps_in_the_same_instant_are_no_tempo() -> None:
    assert tap(1.0, 1.0) == [START, START]


def test_a_frantic_tapper_gets_the_fastest_tempo_there_is() -> None:
    assert tap(0.0, 0.001) == [START, 999.0]
