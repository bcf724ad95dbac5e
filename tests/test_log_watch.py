from __future__ import annotations

import logging

from tests.log_watch import LogWatch


def emit(watch: LogWatch, text: str, level: int = logging.WARNING) -> None:
    watch.handle(logging.LogRecord("app.audio", level, __file__, 1, text, None, None))


def test_a_record_that_nobody_expected_is_a_problem() -> None:
    watch = LogWatch()
    watch.expect("gone")
    emit(watch, "the take is gone")
    emit(watch, "the disk is full")
    assert watch.problems() == ["unexpected: WARNING app.audio: the disk is full"]


def test_what_was_expected_and_not_logged_as_often_is_a_problem() -> None:
    watch = LogWatch()
    watch.expect("gone")
    watch.expect("full", 2)
    emit(watch, "the disk is full")
    assert watch.problems() == [
        "expected at least 1 with 'gone', got 0",
        "expected 2 with 'full', got 1",
    ]
