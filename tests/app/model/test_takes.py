from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.takes import Take, Takes, new_take_id
from tests.fakes.engine.engine_thread import tone


def make(name: str = "kick") -> Take:
    return Take(new_take_id(), tone(0.01), "generated", None, 0.0, None, name)


def test_a_new_take_is_the_current_one() -> None:
    takes = Takes()
    assert takes.current is None
    first, second = make(), make()
    takes.add(first)
    takes.add(second)
    assert takes.current is second
    assert takes.items == (first, second)


def test_undo_and_redo_walk_through_all_takes_and_stop_at_the_ends() -> None:
    takes = Takes()
    made = [make() for _ in range(3)]
    for take in made:
        takes.add(take)
    assert takes.next() is None and not takes.can_redo
    assert takes.previous() is made[1]
    assert takes.previous() is made[0]
    assert takes.previous() is None and not takes.can_undo
    assert takes.current is made[0]
    assert takes.next() is made[1]


def test_adding_after_undo_loses_no_take() -> None:
    takes = Takes()
    made = [make() for _ in range(3)]
    for take in made:
        takes.add(take)
    takes.previous()
    takes.previous()
    new = make()
    takes.add(new)
    assert takes.items == (*made, new)
    assert takes.current is new


def test_a_take_added_without_selecting_leaves_the_current_one() -> None:
    takes = Takes()
    first = make()
    takes.add(first)
    takes.add(make(), select=False)
    assert takes.current is first


def test_memory_lets_go_of_the_oldest_takes_only_when_they_are_on_disk() -> None:
    takes = Takes(most=2)
    made = [make(str(n)) for n in range(4)]
    on_disk = {made[1].id}
    for take in made:
        takes.add(take)
        takes.forget_oldest(lambda take: take.id in on_disk)
    assert [take.name for take in takes.items] == ["0", "2", "3"]
    on_disk.add(made[0].id)
    takes.add(make("4"))
    takes.forget_oldest(lambda take: take.id in on_disk)
    assert [take.name for take in takes.items] == ["2", "3", "4"]
    assert takes.current is not None and takes.current.name == "4"


def test_memory_never_lets_go_of_the_current_take() -> None:
    takes = Takes(most=1)
    first = make()
    takes.add(first)
    for _ in range(3):
        takes.add(make(), select=False)
        takes.forget_oldest(lambda take: True)
    assert takes.current is first


def test_one_take_cannot_be_added_twice() -> None:
    takes = Takes()
    take = make()
    takes.add(take)
    with pytest.raises(ValueError, match="already here"):
        takes.add(replace(take))


def test_selecting_a_take_that_is_not_there_says_the_range() -> None:
    takes = Takes()
    takes.add(make())
    with pytest.raises(IndexError, match=r"0\.\.0, got 1"):
        takes.select(1)


@given(st.lists(st.sampled_from(["add", "aside", "undo", "redo", "first"]), max_size=60))
def test_whatever_is_done_the_current_take_is_one_of_the_newest_and_none_unsaved_is_lost(
    steps: list[str],
) -> None:
    takes, made = Takes(most=4), []
    for number, step in enumerate(steps):
        if step in ("add", "aside"):
            made.append(make("saved" if number % 2 else "unsaved"))
            takes.add(made[-1], select=step == "add")
            takes.forget_oldest(lambda take: take.name == "saved")
        elif step == "undo":
            takes.previous()
        elif step == "redo":
            takes.next()
        elif takes.items:
            takes.select(0)
    assert set(made[-4:]) <= set(takes.items)
    assert {take for take in made if take.name == "unsaved"} <= set(takes.items)
    assert takes.index is None or takes.items[takes.index] is takes.current
