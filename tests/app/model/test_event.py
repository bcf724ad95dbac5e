from __future__ import annotations

from collections.abc import Callable

from app.model.event import Event


def test_listeners_hear_in_the_order_they_connected() -> None:
    event: Event[int] = Event()
    heard: list[str] = []
    event.connect(lambda value: heard.append(f"a{value}"))
    event.connect(lambda value: heard.append(f"b{value}"))
    event.emit(1)
    assert heard == ["a1", "b1"]


def test_a_disconnected_listener_hears_nothing_and_may_disconnect_twice() -> None:
    event: Event[()] = Event()
    heard: list[int] = []
    disconnect = event.connect(lambda: heard.append(1))
    disconnect()
    disconnect()
    event.emit()
    assert heard == []


def test_a_listener_that_another_one_disconnects_is_not_called_any_more() -> None:
    event: Event[()] = Event()
    heard: list[str] = []
    ends: list[Callable[[], None]] = []

    def end_the_other() -> None:
        ends[0]()

    event.connect(end_the_other)
    ends.append(event.connect(lambda: heard.append("late")))
    event.emit()
    assert heard == []
