from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.audio.devices import realtime_priority, rtkit

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
    assert thread not in realtime_priority.find_native_threads()
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.main_thread()])
    assert thread in realtime_priority.find_native_threads()


def test_what_is_asked_for_is_there_afterwards_where_the_system_grants_it(thread: int) -> None:
    assert not realtime_priority.is_granted([thread])
    try:
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        pytest.skip("this user may not have it")
    realtime_priority.request([thread])
    assert realtime_priority.is_granted([thread])
    assert os.sched_getparam(thread).sched_priority == realtime_priority.PRIORITY


def test_a_system_that_refuses_is_survived_and_seen(
    thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("not for you")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setenv("PATH", "")
    realtime_priority.request([thread])
    assert not realtime_priority.is_granted([thread])


def service(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> Callable[[], list[str]]:
    """Put a D-Bus there that writes down what it is asked and answers with a shell's line."""
    asked = folder / "asked"
    program = folder / "dbus-send"
    program.write_text(f'#!/bin/sh\necho "$@" >>{asked}\n{answer}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return lambda: asked.read_text().splitlines() if asked.exists() else []


def test_who_is_refused_asks_rtkit(
    thread: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("not for you")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limit: limits.append(limit))
    asked = service(
        tmp_path,
        monkeypatch,
        'case "$*" in *Priority) echo " variant int32 20";; '
        '*USecMax) echo " variant int64 200000";; esac',
    )
    realtime_priority.request([thread, thread])
    assert limits == [(200_000, 200_000)], "promised before anything is asked for"
    assert [line.split("RealtimeKit1 ")[-1] for line in asked()[2:]] == [
        "org.freedesktop.RealtimeKit1.MakeThreadRealtimeWithPID "
        f"uint64:{os.getpid()} uint64:{thread} uint32:20"
    ] * 2


@pytest.mark.parametrize("answer", ["exit 1", "echo nonsense", "exec sleep 60"])
def test_a_bus_without_rtkit_is_survived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    monkeypatch.setattr(rtkit, "ANSWER_WITHIN_S", 0.2)
    asked = service(tmp_path, monkeypatch, answer)
    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    assert not rtkit.request([1], 60)
    assert len(asked()) == 1 and resource.getrlimit(resource.RLIMIT_RTTIME) == before


def test_a_thread_that_has_ended_is_none() -> None:
    ended = threading.Thread(target=lambda: None)
    ended.start()
    ended.join()
    assert ended.native_id is not None
    realtime_priority.request([ended.native_id])
    assert not realtime_priority.is_granted([ended.native_id])
