from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from app.threads.background import BackgroundThread
from engine.clip import ClipError
from tests.fakes.app.main_loop import MainLoop
from tests.log_watch import LogWatch


@pytest.fixture
def loop() -> MainLoop:
    return MainLoop()


@pytest.fixture
def background(loop: MainLoop) -> Iterator[BackgroundThread]:
    thread = BackgroundThread(loop.post)
    thread.start()
    yield thread
    thread.stop()


def test_work_is_done_elsewhere_and_its_result_comes_to_the_main_thread(
    background: BackgroundThread, loop: MainLoop
) -> None:
    seen: list[tuple[str, str]] = []

    def work() -> str:
        return threading.current_thread().name

    def done(name: str) -> None:
        seen.append((name, threading.current_thread().name))

    background.run(work, done, pytest.fail)
    loop.run_until(lambda: seen)
    assert seen == [("background", "MainThread")]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ClipError("x.wav holds no sound: it has no frames."), "x.wav holds no sound"),
        (PermissionError(13, "Permission denied"), "not allowed to write there"),
        (ZeroDivisionError(), "see the log file"),
    ],
)
def test_whatever_goes_wrong_comes_back_as_a_sentence_and_work_goes_on(
    background: BackgroundThread,
    loop: MainLoop,
    error: Exception,
    sentence: str,
    log_watch: LogWatch,
) -> None:
    if "log file" in sentence:
        log_watch.expect("ZeroDivisionError", 1)
    said: list[str] = []

    def work() -> None:
        raise error

    background.run(work, lambda _: pytest.fail("it did not fail"), said.append)
    background.run(lambda: "next", said.append, pytest.fail)
    loop.run_until(lambda: len(said) == 2)
    assert sentence in said[0] and said[1] == "next"
