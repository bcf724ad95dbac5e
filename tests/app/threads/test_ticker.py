from __future__ import annotations

import threading

from app.threads.ticker import TICKS_PER_SLOW_TICK, Ticker
from tests.fakes.app.main_loop import MainLoop


def test_fast_calls_come_every_tick_and_slow_ones_twice_a_second() -> None:
    fast: list[int] = []
    slow: list[int] = []
    ticker = Ticker(lambda call: None, (lambda: fast.append(1),), (lambda: slow.append(1),))
    for _ in range(2 * TICKS_PER_SLOW_TICK):
        ticker.tick()
    assert (len(fast), len(slow)) == (2 * TICKS_PER_SLOW_TICK, 2)


def test_ticks_come_by_themselves_on_the_main_thread_until_the_end() -> None:
    loop, threads = MainLoop(), set[threading.Thread]()
    ticker = Ticker(loop.post, (lambda: threads.add(threading.current_thread()),), (), 0.001)
    ticker.start()
    loop.run_until(lambda: threads)
    ticker.stop()
    assert threads == {threading.main_thread()}
    threads.clear()
    loop.run_posted()
    ticker.tick()
    assert not threads


def test_a_busy_main_thread_finds_one_tick_and_no_heap() -> None:
    posted: list[object] = []
    second_wait = threading.Event()

    def post(call: object) -> None:
        posted.append(call)
        second_wait.set()

    ticker = Ticker(post, (), (), 0.001)
    ticker.start()
    assert second_wait.wait(5.0)
    for _ in range(3):
        second_wait.clear()
        assert not second_wait.wait(0.02)
    ticker.stop()
    assert len(posted) == 1
