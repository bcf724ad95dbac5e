from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from app.audio import realtime_priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has to be asked")


@pytest.fixture
def thread() -> Iterator[int]:
    """A thread as a sound card's is: one that only the system knows."""
    end = threading.Event()
    waiting = threading.Thread(target=end.wait)
    waiting.start()
    assert waiting.native_id is not None
    yield waiting.native_id
    end.set()
    waiting.join()


def test_a_thread_that_python_does_not_know_is_told_from_those_it_does(
    thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert thread not in realtime_priority.foreign_threads()
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.main_thread()])
    assert thread in realtime_priority.foreign_threads()


def test_what_is_asked_for_is_there_afterwards_where_the_system_grants_it(thread: int) -> None:
    assert not realtime_priority.granted([thread])
    try:
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        pytest.skip("this user may not have it")
    realtime_priority.ask([thread])
    assert realtime_priority.granted([thread])
    assert os.sched_getparam(thread).sched_priority == realtime_priority.PRIORITY


def test_a_system_that_refuses_is_survived_and_seen(
    thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("not for you")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    realtime_priority.ask([thread])
    assert not realtime_priority.granted([thread])


def test_a_thread_that_has_ended_is_none() -> None:
    ended = threading.Thread(target=lambda: None)
    ended.start()
    ended.join()
    assert ended.native_id is not None
    realtime_priority.ask([ended.native_id])
    assert not realtime_priority.granted([ended.native_id])
