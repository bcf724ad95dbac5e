"""Another model is chosen: the one before goes on until it is ready, with real processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from engine.api import (
    Cancelled,
    Failed,
    Finished,
    ModelUnloaded,
    Progress,
    Ready,
    Recipe,
    Restarted,
    Switched,
    SwitchFailed,
)
from tests.fakes.engine.player import PATIENCE_S, Player, processes_of, shared_memory_of

ROOT = Path(__file__).parents[3]
KICK = Recipe("kick")
Found = TypeVar("Found")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which process is it")


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return model(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return model(tmp_path / "second")


@pytest.fixture
def player(first: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Player]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    player = Player(first)
    player.wait(Ready)
    yield player
    player.engine.stop()


def model(folder: Path, *manners: str) -> Path:
    folder.mkdir()
    for manner in manners:
        (folder / manner).touch()
    return folder


def made_by(player: Player) -> str:
    """The model that makes a sound that is wished for now."""
    job = player.engine.generate(KICK)
    return player.wait(Finished, lambda finished: finished.job == job).recipe.model


def loading(folder: Path) -> int:
    """Wait for the process that loads a model."""
    return until(lambda: processes_of(folder))[0]


def until(look: Callable[[], Found]) -> Found:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def gone(folder: Path) -> None:
    until(lambda: not processes_of(folder))


def test_wishes_are_answered_by_the_model_before_until_the_other_is_ready(
    player: Player, first: Path, tmp_path: Path
) -> None:
    slow = model(tmp_path / "slow model", "slow")
    player.engine.switch_model(slow)
    assert made_by(player) == "first"
    loading(slow)
    assert made_by(player) == "first"
    (slow / "go").touch()
    assert player.wait(Switched).model_folder == slow
    assert player.wait(Ready).model == "slow model"
    assert made_by(player) == "slow model"
    assert player.engine.pid == loading(slow)
    gone(first)


def test_loading_lets_the_sounds_that_are_made_meanwhile_have_their_share(
    player: Player, tmp_path: Path
) -> None:
    slow = model(tmp_path / "slow", "slow")
    player.engine.switch_model(slow)
    pid, playing = loading(slow), player.engine.pid
    assert playing is not None
    until(lambda: lowest_niceness(pid) >= lowest_niceness(playing))


def lowest_niceness(pid: int) -> int:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return min(os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks)


def test_a_wish_is_answered_by_the_process_that_it_was_sent_to(
    player: Player, first: Path, second: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    running = player.engine.generate(Recipe(f"until {gate}"), slot="pad 1")
    player.wait(Progress)
    waiting = player.engine.generate(KICK, slot="pad 2")
    player.engine.switch_model(second)
    player.wait(Switched)
    assert made_by(player) == "second"
    gate.touch()
    ends = player.ends({running, waiting})
    assert [end.recipe.model for end in ends if isinstance(end, Finished)] == ["first"] * 2
    gone(first)


def test_a_newer_wish_and_a_cancel_reach_what_the_model_before_still_makes(
    player: Player, first: Path, second: Path, tmp_path: Path
) -> None:
    never = Recipe(f"until {tmp_path / 'never'}")
    running = player.engine.generate(never, slot="pad 1")
    player.wait(Progress)
    waiting = player.engine.generate(never, slot="pad 2")
    player.engine.switch_model(second)
    player.wait(Switched)
    newer = player.engine.generate(KICK, slot="pad 1")
    ends = {end.job: end for end in player.ends({running, newer})}
    assert isinstance(ends[running], Cancelled) and isinstance(ends[newer], Finished)
    player.engine.cancel(waiting)
    assert isinstance(player.ends({waiting})[0], Cancelled)
    gone(first)


@pytest.mark.parametrize(
    ("manner", "said"), [("broken", "copy it again"), ("buggy", "ZeroDivisionError: oh")]
)
def test_a_model_that_cannot_be_loaded_leaves_the_one_before(
    player: Player, tmp_path: Path, manner: str, said: str
) -> None:
    pid, bad = player.engine.pid, model(tmp_path / "bad", manner)
    player.engine.switch_model(bad)
    failed = player.wait(SwitchFailed)
    assert failed.model_folder == bad and said in failed.message
    assert made_by(player) == "first"
    assert player.engine.pid == pid


def test_a_killed_loading_leaves_the_one_before(player: Player, tmp_path: Path) -> None:
    pid, slow = player.engine.pid, model(tmp_path / "slow", "slow")
    player.engine.switch_model(slow)
    os.kill(loading(slow), signal.SIGKILL)
    assert "ended by SIGKILL" in player.wait(SwitchFailed).message
    assert made_by(player) == "first"
    assert player.engine.pid == pid


def test_the_model_before_may_be_killed_while_the_other_is_loaded(
    player: Player, tmp_path: Path
) -> None:
    slow = model(tmp_path / "slow", "slow")
    player.engine.switch_model(slow)
    loading(slow)
    job = player.engine.generate(Recipe(f"until {tmp_path / 'never'}"))
    player.wait(Progress)
    assert player.engine.pid is not None
    os.kill(player.engine.pid, signal.SIGKILL)
    failed = player.wait(Failed)
    assert failed.job == job and "ended by SIGKILL" in failed.message
    player.wait(Restarted)
    assert made_by(player) == "first"
    (slow / "go").touch()
    player.wait(Switched)
    assert made_by(player) == "slow"


def test_the_model_before_may_be_killed_after_the_other_took_over(
    player: Player, second: Path, tmp_path: Path
) -> None:
    job = player.engine.generate(Recipe(f"until {tmp_path / 'never'}"))
    player.wait(Progress)
    old = player.engine.pid
    assert old is not None
    player.engine.switch_model(second)
    player.wait(Switched)
    os.kill(old, signal.SIGKILL)
    assert isinstance(player.ends({job})[0], Failed)
    assert made_by(player) == "second"
    new = player.engine.pid
    assert new is not None
    os.kill(new, signal.SIGKILL)
    player.wait(Restarted)
    assert made_by(player) == "second"


@pytest.mark.parametrize("manner", ["cramped", "full"])
def test_where_memory_is_short_the_one_before_goes_first_with_its_last_answer(
    player: Player, first: Path, tmp_path: Path, manner: str
) -> None:
    gate, cramped = tmp_path / "gate", model(tmp_path / "big model", manner)
    running = player.engine.generate(Recipe(f"until {gate}"))
    player.wait(Progress)
    player.engine.switch_model(cramped)
    assert player.wait(ModelUnloaded).model_folder == cramped
    waiting = player.engine.generate(KICK)
    dropped = player.engine.generate(KICK)
    player.engine.cancel(dropped)
    assert player.wait(Cancelled).job == dropped
    gate.touch()
    assert player.wait(Finished).recipe.model == "first"
    player.wait(Switched)
    assert not processes_of(first)
    assert player.wait(Finished, lambda made: made.job == waiting).recipe.model == "big model"
    assert running < waiting


def test_the_one_before_comes_back_where_the_other_fails_with_all_memory(
    player: Player, tmp_path: Path
) -> None:
    bad = model(tmp_path / "bad", "cramped", "broken")
    player.engine.switch_model(bad)
    player.wait(ModelUnloaded)
    job = player.engine.generate(KICK)
    assert "copy it again" in player.wait(SwitchFailed).message
    assert player.wait(Ready).model == "first"
    assert player.wait(Finished, lambda made: made.job == job).recipe.model == "first"


def test_only_the_newest_of_many_choices_takes_over(player: Player, tmp_path: Path) -> None:
    folders = [model(tmp_path / str(number)) for number in range(4)]
    for folder in folders:
        player.engine.switch_model(folder)
    assert player.wait(Switched).model_folder == folders[-1]
    assert made_by(player) == "3"
    for folder in folders[:-1]:
        gone(folder)


def test_what_is_loaded_may_be_dropped_again(player: Player, tmp_path: Path) -> None:
    pid, slow = player.engine.pid, model(tmp_path / "slow", "slow")
    player.engine.switch_model(slow)
    loading(slow)
    player.engine.cancel_switch()
    gone(slow)
    assert made_by(player) == "first"
    assert player.engine.pid == pid


def test_a_model_that_cannot_be_loaded_at_the_start_gives_way_to_another(
    second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    player = Player(model(tmp_path / "bad", "broken"))
    try:
        assert player.wait(Failed).job is None
        until(lambda: player.engine.pid is None)
        (second / "slow").touch()
        player.engine.switch_model(second)
        loading(second)
        job = player.engine.generate(KICK)
        (second / "go").touch()
        player.wait(Switched)
        assert player.wait(Finished).job == job
    finally:
        player.engine.stop()


def test_stop_ends_all_processes_and_leaves_no_shared_memory(
    player: Player, first: Path, second: Path, tmp_path: Path
) -> None:
    player.engine.generate(Recipe(f"until {tmp_path / 'never'}"))
    player.wait(Progress)
    player.engine.switch_model(second)
    player.wait(Switched)
    player.engine.generate(Recipe(f"until {tmp_path / 'never'}"))
    player.wait(Progress)
    slow = model(tmp_path / "slow", "slow")
    player.engine.switch_model(slow)
    loading(slow)
    player.engine.stop()
    assert not [*processes_of(first), *processes_of(second), *processes_of(slow)]
    assert not shared_memory_of(os.getpid())
