"""Two processes that train together learn what one learns from the doubled batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.training.run import distributed
from engine.training.run.checkpoint import CHECKPOINT
from engine.training.run.run_folder import RunFolder
from tests.fakes.engine.tiny_runs import CODEC_RUN, arc_run, curve, flow_run, start

ROOT = Path(__file__).parents[4]
# WORKAROUND torch's own threads sometimes abort a process that is at its end ("terminate called
# without an active exception"): it ends itself, when all is done and said.
CODE = """
import os
import sys
from pathlib import Path
from engine.training.run import distributed
from engine.training.train import train
from torch.distributed.tensor import DTensor
whole, gathered = DTensor.full_tensor, []
DTensor.full_tensor = lambda self: gathered.append(self.to_local().numel()) or whole(self)
with distributed.join_process_group():
    for config in sys.argv[1:]:
        train(Path(config), Path(config).with_suffix(""))
print(f"gathered {len(gathered)} of sharded weights", file=sys.stderr, flush=True)
os._exit(0)
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_together(*configs: Path) -> str:
    """Start the training in two processes, as torchrun does; return what the second one said."""
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, *map(str, configs)],
            cwd=ROOT,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(said)
    assert "6/6" in said[0] and "6/6" not in said[1]
    return said[1]


def read(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / CHECKPOINT, weights_only=True)
    return state


EXACT, DOUBLED = "[scale]\nbf16 = false\n", "[scale]\nbf16 = false\naccumulate = 2\n"
SHARDED = f"{EXACT}shard = true\n"


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Configs of trainings for two processes."""
    codec = start(tmp_path_factory.mktemp("begun") / "codec", CODEC_RUN)
    base = start(codec.with_name("base"), flow_run(codec))
    return {"codec": CODEC_RUN + EXACT, "flow": flow_run(codec) + EXACT, "arc": arc_run(base)}


@pytest.fixture(scope="module")
def alone(texts: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same trainings by one process with the doubled batch."""
    folder = tmp_path_factory.mktemp("alone")
    for name, text in texts.items():
        start(folder / name, text.replace(EXACT, DOUBLED))
    return folder


def train_together(folder: Path, texts: dict[str, str]) -> str:
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return run_together(*(folder / f"{name}.toml" for name in texts))


def assert_learnt_the_same(run: Path, other: Path) -> None:
    first, second = curve(run), curve(other)
    assert len(first) == len(second) == 6
    for one, two in zip(first, second, strict=True):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-4), run
    states = [read(folder)["optimising"] for folder in (run, other)]
    for part in ("network", "average"):
        for key, value in states[0][part].items():
            wanted = states[1][part][key]
            # The sums of gradients differ in their last bits, which Adam may blow up near zero.
            assert torch.allclose(value, wanted, atol=2e-3), f"{run} {part} {key}"
            assert (value - wanted).abs().mean() < 1e-4, f"{run} {part} {key}"


def test_two_processes_equal_one_with_the_doubled_batch(
    texts: dict[str, str], alone: Path, tmp_path: Path
) -> None:
    assert "gathered 0 of sharded weights" in train_together(tmp_path, texts)
    for name in texts:
        assert_learnt_the_same(tmp_path / name, alone / name)


def test_sharded_weights_learn_the_same_and_go_on_from_a_whole_checkpoint(
    texts: dict[str, str], alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharded = {n: text.replace(EXACT, SHARDED) for n, text in texts.items() if n != "codec"}
    with monkeypatch.context() as during:
        during.setattr(RunFolder, "show_progress", _stopping_at(5))
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path / "begun", texts["flow"].replace(EXACT, DOUBLED))
    assert read(tmp_path / "begun")["step"] == 4
    (tmp_path / "begun" / "config.toml").write_text(sharded["flow"])
    said = train_together(tmp_path, {**sharded, "begun": sharded["flow"]})
    assert "gathered" in said and "gathered 0 " not in said
    for name in ("flow", "arc"):
        assert_learnt_the_same(tmp_path / name, alone / name)
    assert_learnt_the_same(tmp_path / "begun", alone / "flow")


def _stopping_at(step: int) -> Callable[[RunFolder, int, int, dict[str, float]], None]:
    def show(folder: RunFolder, now: int, steps: int, values: dict[str, float]) -> None:
        if now == step:
            raise KeyboardInterrupt

    return show


def test_one_process_alone_is_the_plain_case() -> None:
    assert distributed.world_size() == 1 and distributed.is_main_process()
    assert distributed.microbatches(6, 3) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(ValueError, match="do not split into 4 equal microbatches"):
        distributed.microbatches(6, 4)
    assert distributed.reduce_mean({"a": 1.0}) == {"a": 1.0}
    assert (
        distributed.all_equal(3) and distributed.all_true(True) and not distributed.all_true(False)
    )
    distributed.barrier()


def test_gradients_travel_in_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "BUCKET_SIZE", 10)
    sizes = [4, 4, 4, 30, 1]
    buckets = distributed._buckets([torch.zeros(size) for size in sizes])
    assert [[g.numel() for g in bucket] for bucket in buckets] == [[4, 4, 4], [30], [1]]
