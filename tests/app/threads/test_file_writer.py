from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator

import pytest

from app.threads.file_writer import FileWriter, WriteNewest
from engine.clip import ClipError
from engine.errors import PlayerError
from tests.fakes.app.background import WriterAtOnce
from tests.fakes.app.main_loop import MainLoop
from tests.log_watch import LogWatch


class Disk:
    """Refuses until there is room."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.written: list[str] = []

    def write(self, text: str) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written.append(text)


@pytest.fixture
def loop() -> MainLoop:
    return MainLoop()


@pytest.fixture
def writer(loop: MainLoop) -> Iterator[FileWriter]:
    writer = FileWriter(loop.post, retry_s=0.01)
    writer.start()
    yield writer
    writer.stop()


def test_writes_happen_elsewhere_in_order_and_are_reported_on_the_main_thread(
    writer: FileWriter, loop: MainLoop
) -> None:
    names, done = [], []
    for _ in range(3):
        writer.write(
            lambda: names.append(threading.current_thread().name),
            lambda sentence: done.append((threading.current_thread().name, sentence)),
        )
    loop.run_until(lambda: len(done) == 3)
    assert names == ["file writer"] * 3
    assert done == [("MainThread", None)] * 3


def test_a_refused_write_is_told_and_not_tried_again_unless_asked(
    writer: FileWriter, loop: MainLoop
) -> None:
    disk = Disk(full=True)
    done: list[str | None] = []
    writer.write(lambda: disk.write("kit"), done.append)
    loop.run_until(lambda: done)
    assert done == ["Writing to disk failed: the disk is full."]
    disk.full = False
    assert writer.stop()
    assert disk.written == []


def test_a_clip_that_cannot_be_written_is_told_by_its_reason(
    writer: FileWriter, loop: MainLoop
) -> None:
    def write() -> None:
        try:
            Disk(full=True).write("take")
        except OSError as error:
            raise ClipError("/takes/.4fa8.wav could not be written.") from error

    done: list[str | None] = []
    writer.write(write, done.append)
    loop.run_until(lambda: done)
    assert done == ["Writing to disk failed: the disk is full."]


def test_a_write_that_must_not_be_lost_is_tried_until_there_is_room(
    writer: FileWriter, loop: MainLoop
) -> None:
    disk = Disk(full=True)
    done: list[str | None] = []
    writer.write(lambda: disk.write("take"), done.append, retry=True)
    loop.run_until(lambda: len(done) >= 3)
    disk.full = False
    loop.run_until(lambda: done[-1] is None)
    assert disk.written == ["take"]


def test_a_full_disk_does_not_hold_up_other_writes(writer: FileWriter, loop: MainLoop) -> None:
    disk, other = Disk(full=True), Disk()
    done: list[str | None] = []
    writer.write(lambda: disk.write("take"), lambda sentence: None, retry=True)
    writer.write(lambda: other.write("settings"), done.append)
    loop.run_until(lambda: done)
    assert other.written == ["settings"]


def test_stop_writes_what_waits_and_says_whether_all_is_written(loop: MainLoop) -> None:
    writer, disk = FileWriter(loop.post, retry_s=100.0), Disk(full=True)
    writer.start()
    done: list[str | None] = []
    writer.write(lambda: disk.write("take"), done.append, retry=True)
    loop.run_until(lambda: done)
    disk.full = False
    writer.write(lambda: disk.write("last"), done.append)
    assert writer.stop()
    assert sorted(disk.written) == ["last", "take"]


def test_stop_says_when_something_is_not_written(loop: MainLoop) -> None:
    writer, disk = FileWriter(loop.post, retry_s=100.0), Disk(full=True)
    writer.start()
    writer.write(lambda: disk.write("take"), lambda sentence: None, retry=True)
    assert not writer.stop()


def test_a_bug_in_one_write_reaches_the_player_and_the_thread_goes_on(
    writer: FileWriter, loop: MainLoop, log_watch: LogWatch
) -> None:
    done: list[str | None] = []

    def bug() -> None:
        raise ZeroDivisionError

    def refusal() -> None:
        raise PlayerError("Choose another name.")

    log_watch.expect("ZeroDivisionError", 1)
    writer.write(bug, done.append)
    writer.write(refusal, done.append)
    writer.write(lambda: None, done.append)
    loop.run_until(lambda: len(done) == 3)
    assert done == ["Writing to disk failed; see the log file.", "Choose another name.", None]


def test_of_many_writes_of_one_file_only_the_newest_waits() -> None:
    held: list[tuple[Callable[[], None], Callable[[str | None], object]]] = []
    written: list[int] = []
    failed: list[str] = []

    class Slow:
        def write(
            self,
            work: Callable[[], None],
            done: Callable[[str | None], object],
            *,
            retry: bool = False,
        ) -> None:
            held.append((work, done))

    newest = WriteNewest(Slow(), failed.append)
    for number in range(5):
        newest.write(lambda number=number: written.append(number))  # type: ignore[misc]
    while held:
        work, done = held.pop()
        work()
        done(None)
    assert written == [0, 4]
    assert failed == []


def test_a_failed_newest_write_is_told_and_the_next_one_works() -> None:
    disk = Disk(full=True)
    failed: list[str] = []
    newest = WriteNewest(WriterAtOnce(), failed.append)
    newest.write(lambda: disk.write("a"))
    disk.full = False
    newest.write(lambda: disk.write("b"))
    assert disk.written == ["b"] and len(failed) == 1
