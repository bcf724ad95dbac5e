"""Two processes that train together learn what one learns from the doubled batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import CODEC_RUN, arc_run, curve, flow_run, start

from engine.training import processes
from engine.training.run_folder import CHECKPOINT

ROOT = Path(__file__).parents[3]
CODE = """
import sys
from pathlib import Path
from engine.training import processes
from engine.training.train import train
with processes.joined():
    for config in sys.argv[1:]:
        train(Path(config), Path(config).with_suffix(""))
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_together(*configs: Path) -> None:
    """Start the training in two processes, as torchrun does."""
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


def read(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / CHECKPOINT, weights_only=True)
    return state


def test_two_processes_equal_one_with_the_doubled_batch(tmp_path: Path) -> None:
    exact, doubled = "[scale]\nbf16 = false\n", "[scale]\nbf16 = false\naccumulate = 2\n"
    codec = start(tmp_path / "codec", CODEC_RUN)
    base = start(tmp_path / "base", flow_run(codec))
    together, alone = tmp_path / "together", tmp_path / "alone"
    texts = {
        "codec": CODEC_RUN + exact,
        "flow": flow_run(codec) + exact,
        "arc": arc_run(base),
    }
    for folder in (together, alone):
        folder.mkdir()
    for name, text in texts.items():
        (together / f"{name}.toml").write_text(text)
        start(alone / name, text.replace(exact, doubled))
    run_together(*(together / f"{name}.toml" for name in texts))
    for name in texts:
        first, second = curve(together / name), curve(alone / name)
        assert len(first) == len(second) == 6
        for one, other in zip(first, second, strict=True):
            assert one == pytest.approx(other, rel=1e-3, abs=1e-4), name
        states = [read(folder / name)["optimising"]["network"] for folder in (together, alone)]
        for key, value in states[0].items():
            # The sums of gradients differ in their last bits, which Adam may blow up near zero.
            assert torch.allclose(value, states[1][key], atol=2e-3), f"{name} {key}"
            assert (value - states[1][key]).abs().mean() < 1e-4, f"{name} {key}"


def test_one_process_alone_is_the_plain_case() -> None:
    assert processes.count() == 1 and processes.is_first()
    assert processes.parts(6, 3) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(ValueError, match="do not split into 4 equal parts"):
        processes.parts(6, 4)
    assert processes.averaged({"a": 1.0}) == {"a": 1.0}
    assert processes.all_agree(3) and processes.all_true(True) and not processes.all_true(False)
    processes.wait()


def test_gradients_travel_in_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "BUCKET", 10)
    sizes = [4, 4, 4, 30, 1]
    buckets = processes._buckets([torch.zeros(size) for size in sizes])
    assert [[g.numel() for g in bucket] for bucket in buckets] == [[4, 4, 4], [30], [1]]
