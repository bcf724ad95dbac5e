import threading
from functools import partial

from pytestqt.qtbot import QtBot

from app.ui.window.main_thread import MainThread


def test_what_other_threads_post_runs_on_the_main_thread_in_order(qtbot: QtBot) -> None:
    main_thread = MainThread()
    seen: list[tuple[int, int]] = []

    def note(number: int) -> None:
        seen.append((number, threading.get_ident()))

    def work() -> None:
        for number in range(100):
            main_thread.post(partial(note, number))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == []
    qtbot.waitUntil(lambda: len(seen) == 100)
    assert seen == [(number, threading.get_ident()) for number in range(100)]


def test_a_post_from_the_main_thread_waits_for_the_loop(qtbot: QtBot) -> None:
    main_thread = MainThread()
    seen: list[str] = []
    main_thread.post(lambda: seen.append("later"))
    assert seen == []
    qtbot.waitUntil(lambda: seen == ["later"])
