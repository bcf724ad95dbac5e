"""The engine thread with a real process that holds a fake generator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.api import (
    Cancelled,
    Failed,
    Finished,
    Preview,
    Progress,
    Ready,
    Recipe,
    Restarted,
    SwitchFailed,
)
from engine.clip import Clip
from engine.process.client import EngineThread
from engine.process.engine_process import count_engine_threads
from tests.fakes.engine.player import FACTORY, PATIENCE_S, Player, shared_memory_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def fakes_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    player = Player(tmp_path)
    yield player
    player.engine.stop()


def test_sound_comes_with_its_progress_recipe_and_timing(player: Player, tmp_path: Path) -> None:
    assert player.wait(Ready).model == tmp_path.name
    job = player.engine.generate(Recipe("kick", seconds=2.0, steps=3, seed=7))
    steps = [player.wait(Progress) for _ in range(4)]
    assert steps == [Progress(job, step, 3) for step in range(4)]
    finished = player.wait(Finished)
    assert (finished.job, finished.recipe.seed, finished.timing.whole_ms) == (job, 7, 11.0)
    assert finished.clip.samples.shape == (88_200, 2)
    assert finished.clip.samples[0, 0] == 7.0
    assert not finished.clip.samples.flags.writeable


def test_wish_made_before_the_engine_is_ready_is_kept(player: Player) -> None:
    player.engine.generate(Recipe("kick"))
    assert player.wait(Finished).recipe.seed == 42


def test_source_crosses_and_is_cut_at_the_longest_sound(player: Player) -> None:
    ramp = np.linspace(-1, 1, 2 * 13 * 8_000, dtype=np.float32).reshape(-1, 2)
    player.engine.generate(Recipe("hum", strength=0.5), Clip(ramp, 8_000))
    clip = player.wait(Finished).clip
    assert clip.rate == 8_000
    np.testing.assert_array_equal(clip.samples, ramp[: 12 * 8_000] * np.float32(0.5))


def test_clips_go_through_the_pipe_where_shared_memory_is_full(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.process.channel.SharedBuffer.create", _refuse_memory)
    source = Clip(np.full((48_000, 2), 0.5, np.float32), 48_000)
    player.engine.generate(Recipe("hum", strength=0.5), source)
    assert player.wait(Finished).clip.samples.max() == 0.25


def _refuse_memory(size_bytes: int) -> None:
    raise OSError("full")


def test_newest_wish_is_made_first(player: Player, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = player.engine.generate(Recipe(f"until {gate}"))
    player.wait(Progress)
    older = player.engine.generate(Recipe("kick"), slot="pad 1")
    newer = player.engine.generate(Recipe("kick"), slot="pad 2")
    gate.touch()
    assert [end.job for end in player.ends({first, older, newer})] == [first, newer, older]


def test_newer_wish_replaces_the_waiting_and_the_running_one(
    player: Player, tmp_path: Path
) -> None:
    recipe = Recipe(f"until {tmp_path / 'never'}")
    running = player.engine.generate(recipe, slot="pad 1")
    player.wait(Progress)
    waiting = player.engine.generate(recipe, slot="pad 1")
    newest = player.engine.generate(Recipe("kick"), slot="pad 1")
    ends = player.ends({running, waiting, newest})
    assert {type(end) for end in ends[:2]} == {Cancelled}
    assert isinstance(ends[2], Finished)


def test_cancel_drops_a_waiting_job_and_stops_a_running_one(player: Player, tmp_path: Path) -> None:
    running = player.engine.generate(Recipe(f"until {tmp_path / 'never'}"))
    player.wait(Progress)
    waiting = player.engine.generate(Recipe("kick"))
    player.engine.cancel(waiting)
    assert player.wait(Cancelled).job == waiting
    player.engine.cancel(running)
    assert player.wait(Cancelled).job == running
    player.engine.cancel(999)
    player.engine.generate(Recipe("kick"))
    player.wait(Finished)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("refuse", "record a longer one"),
        ("crash", "could not be made (ValueError: a bug)"),
        ("nan", "not numbers"),
    ],
)
def test_errors_arrive_as_data_and_the_engine_goes_on(
    player: Player, prompt: str, said: str
) -> None:
    job = player.engine.generate(Recipe(prompt))
    failed = player.wait(Failed)
    assert failed.job == job
    assert said in failed.message
    player.engine.generate(Recipe("kick"))
    player.wait(Finished)


def test_a_beginning_arrives_before_the_whole(player: Player) -> None:
    job = player.engine.generate(Recipe("begin", 1.0, seed=5))
    begun = player.wait(Preview)
    whole = player.wait(Finished)
    assert begun.job == whole.job == job
    assert begun.clip.frames == whole.clip.frames // 4
    assert np.array_equal(begun.clip.samples, whole.clip.samples[: begun.clip.frames])


def test_a_device_that_was_left_is_shown_and_the_reason_said(player: Player) -> None:
    first = player.wait(Ready)
    player.engine.generate(Recipe("crowd"))
    assert player.wait(Finished).notice == "Memory is short."
    now = player.wait(Ready)
    assert now.device == "another" and now.load_s == first.load_s


def test_what_libraries_print_does_not_disturb_the_pipe(player: Player) -> None:
    player.engine.generate(Recipe("noise"))
    player.wait(Finished)


def test_killed_engine_fails_its_jobs_and_is_started_again(player: Player, tmp_path: Path) -> None:
    running = player.engine.generate(Recipe(f"until {tmp_path / 'never'}"))
    waiting = player.engine.generate(Recipe("kick"))
    player.wait(Progress)
    pid = player.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    ends = player.ends({running, waiting})
    failures = [end.message for end in ends if isinstance(end, Failed)]
    why = "The engine stopped before this sound was made (ended by SIGKILL). Generate it again."
    assert set(failures) == {why}
    assert "was started again" in player.wait(Restarted).message
    assert player.engine.pid != pid
    player.engine.generate(Recipe("kick"))
    player.wait(Finished)


def test_engine_that_dies_again_and_again_is_left_alone_until_the_next_wish(
    tmp_path: Path,
) -> None:
    (tmp_path / "deadly").touch()
    player = Player(tmp_path)
    try:
        failed = player.wait(Failed)
        assert failed.job is None
        assert "stopped 3 times in a row (ended by SIGTERM)" in failed.message
        assert player.engine.pid is None
        (tmp_path / "deadly").unlink()
        player.engine.generate(Recipe("kick"))
        player.wait(Restarted)
        player.wait(Finished)
    finally:
        player.engine.stop()


def test_an_engine_that_cannot_be_started_fails_every_wish_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    player = Player(tmp_path)
    try:
        assert "it could not be started" in player.wait(Failed).message
        job = player.engine.generate(Recipe("kick"))
        failed = player.wait(Failed)
        assert failed.job == job and "it could not be started" in failed.message
        player.engine.switch_model(tmp_path / "other")
        assert "No process could be started" in player.wait(SwitchFailed).message
    finally:
        player.engine.stop()


def test_prompt_that_kills_the_engine_fails_and_the_next_one_works(player: Player) -> None:
    for _ in range(4):
        player.engine.generate(Recipe("die"))
        assert isinstance(player.wait(Failed).job, int)
        player.engine.generate(Recipe("kick"))
        player.wait(Finished)


@pytest.mark.parametrize(
    ("file", "said"), [("broken", "copy it again"), ("buggy", "ZeroDivisionError: oh")]
)
def test_model_that_cannot_be_loaded_says_why_and_is_tried_again_with_the_next_wish(
    tmp_path: Path, file: str, said: str
) -> None:
    (tmp_path / file).touch()
    player = Player(tmp_path)
    try:
        assert said in player.wait(Failed, lambda failed: failed.job is None).message
        job = player.engine.generate(Recipe("kick"))
        assert said in player.wait(Failed, lambda failed: failed.job == job).message
        (tmp_path / file).unlink()
        player.engine.generate(Recipe("kick"))
        player.wait(Finished)
    finally:
        player.engine.stop()


def test_stop_ends_the_process_in_mid_job_and_leaves_no_shared_memory(tmp_path: Path) -> None:
    player = Player(tmp_path)
    player.engine.generate(Recipe(f"until {tmp_path / 'never'}"))
    player.engine.generate(Recipe("kick", seconds=12.0))
    player.wait(Progress)
    assert shared_memory_of(os.getpid()) or sys.platform != "linux"
    pid = player.engine.pid
    assert pid is not None
    player.engine.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert player.engine.pid is None
    assert not shared_memory_of(os.getpid())


def test_stop_comes_to_an_end_before_start_and_twice(tmp_path: Path) -> None:
    engine = EngineThread(lambda _: None, tmp_path, factory=FACTORY)
    engine.stop()
    player = Player(tmp_path)
    player.engine.stop()
    player.engine.stop()


def test_engine_uses_the_threads_it_is_given(tmp_path: Path) -> None:
    player = Player(tmp_path, threads=3)
    assert player.wait(Ready).precision == "threads 3"
    player.engine.stop()


def test_one_core_stays_with_the_player() -> None:
    assert [count_engine_threads(cores) for cores in (1, 2, 8)] == [1, 1, 7]


APP = """
import sys, threading
from pathlib import Path
from engine.api import Progress, Recipe
from engine.process.client import EngineThread

def tell(answer):
    if isinstance(answer, Progress):
        print(engine.pid, flush=True)

engine = EngineThread(tell, Path(sys.argv[1]), factory="{factory}")
engine.start()
engine.generate(Recipe(f"until {sys.argv[1]}/never"))
threading.Event().wait()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open, which is Linux's")
def test_engine_and_shared_memory_end_with_a_killed_app(tmp_path: Path) -> None:
    import select

    app = subprocess.Popen(
        [sys.executable, "-c", APP.replace("{factory}", FACTORY), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert app.stdout is not None
    engine = os.pidfd_open(int(app.stdout.readline()))
    app.kill()
    app.wait()
    # Readable once the process has ended.
    assert select.select([engine], [], [], PATIENCE_S)[0] == [engine]
    os.close(engine)
    app.stdout.read()  # ends when the last process that holds it, the resource tracker, is gone
    app.stdout.close()
    assert not shared_memory_of(app.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells a thread's priority")
def test_every_thread_of_a_loaded_engine_lets_the_app_go_first(player: Player) -> None:
    player.wait(Ready)
    tasks = Path(f"/proc/{player.engine.pid}/task")
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    priorities = [os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks.iterdir()]
    assert priorities
    assert min(priorities) >= min(mine + 1, 10)
