"""A run's folder: one owner, one config, metrics that are numbers, checkpoints that survive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.training.run import metrics_log
from engine.training.run.checkpoint import CHECKPOINT
from engine.training.run.errors import RunError
from engine.training.run.metrics_log import METRICS
from engine.training.run.run_folder import CONFIG
from tests.fakes.engine.tiny_runs import largest_file, opened_run

ROOT = Path(__file__).parents[4]
HOLDER = """
import sys
from pathlib import Path
from engine.training.run.run_folder import open_run_folder
with open_run_folder(Path(sys.argv[1]), "stage = 'codec'\\n"):
    print("held", flush=True)
    sys.stdin.read()
"""


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / METRICS).read_text("utf-8").splitlines()]


def test_metrics_are_one_json_object_a_line(tmp_path: Path) -> None:
    with opened_run(tmp_path) as run:
        run.log(1, {"loss": 2.5})
        run.log(2, {"loss": 1.5, "rate": 0.1})
    assert [line["loss"] for line in lines(tmp_path)] == [2.5, 1.5]
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]
    assert lines(tmp_path)[0]["time"] > 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_stops_the_run(tmp_path: Path, bad: float) -> None:
    with (
        opened_run(tmp_path) as run,
        pytest.raises(RunError, match="loss became NaN or infinite at step 7"),
    ):
        run.log(7, {"rate": 0.1, "loss": bad})
    assert lines(tmp_path) == []


def test_half_a_line_left_by_a_killed_run_is_dropped(tmp_path: Path) -> None:
    with opened_run(tmp_path) as run:
        run.log(1, {"loss": 2.5})
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 2, "lo')
    with opened_run(tmp_path) as run:
        run.log(2, {"loss": 1.5})
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]


def test_what_cannot_be_read_of_the_metrics_is_dropped(tmp_path: Path) -> None:
    with opened_run(tmp_path) as run:
        run.log(1, {"loss": 2.5})
        run.save({"step": 5})
    # As some disks leave it after a power cut.
    with (tmp_path / METRICS).open("ab") as file:
        file.write(bytes(40) + b"\n[1]\n")
    with opened_run(tmp_path) as run:
        run.load()
        run.log(6, {"loss": 1.5})
    assert [line["step"] for line in lines(tmp_path)] == [1, 6]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_metrics_on_a_full_disk_stop_the_run_and_go_on_later(tmp_path: Path) -> None:
    # TensorBoard's own thread would fail as well.
    (tmp_path / "tensorboard").write_text("in the way")
    with (
        largest_file(500),
        pytest.raises(RunError, match=r"metrics\.jsonl could not be written .* is kept"),
        opened_run(tmp_path) as run,
    ):
        for step in range(1, 20):
            run.log(step, {"loss": 1.0})
    with opened_run(tmp_path) as run:
        kept = len(lines(tmp_path))
        run.log(kept + 1, {"loss": 1.0})
    assert [line["step"] for line in lines(tmp_path)] == [*range(1, kept + 2)]


class FullBoard:
    """TensorBoard where there is no room any more."""

    def add_scalar(self, *values: object) -> None:
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_run_does_without_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with opened_run(tmp_path) as run:
        run.log(1, {"loss": 1.0})
    monkeypatch.setattr(metrics_log, "_open_tensorboard", lambda path, step: FullBoard())
    with opened_run(tmp_path) as run:
        run.log(2, {"loss": 1.0})
        run.log(3, {"loss": 1.0})
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]
    assert capsys.readouterr().err.count("TensorBoard shows nothing more") == 2


def test_metrics_that_will_be_logged_again_are_dropped(tmp_path: Path) -> None:
    with opened_run(tmp_path) as run:
        assert run.load() is None
        run.log(1, {"loss": 3.5})
        run.log(2, {"loss": 2.5})
        run.save({"step": 2})
        run.log(3, {"loss": 1.5})
    with opened_run(tmp_path) as run:
        assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]
        run.load()
        assert [line["step"] for line in lines(tmp_path)] == [1, 2]
        run.log(3, {"loss": 1.0})
    assert [line["loss"] for line in lines(tmp_path)] == [3.5, 2.5, 1.0]
    (tmp_path / CHECKPOINT).unlink()
    with opened_run(tmp_path) as run:
        run.load()
    assert lines(tmp_path) == []


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    with opened_run(tmp_path) as run:
        assert run.load() is None
        run.save({"step": 3, "weights": torch.arange(5.0)})
        state = run.load()
    assert state is not None and state["step"] == 3
    assert torch.equal(state["weights"], torch.arange(5.0))


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_full_disk_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    with opened_run(tmp_path) as run:
        run.save({"step": 1})
        with largest_file(10_000), pytest.raises(RunError, match="the previous one is kept"):
            run.save({"step": 2, "weights": torch.zeros(100_000)})
        assert run.load() == {"step": 1}
        assert list(tmp_path.glob("*.part")) == []
        run.save({"step": 2})
        assert run.load() == {"step": 2}


def test_a_failing_write_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with opened_run(tmp_path) as run:
        run.save({"step": 1})
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(RunError, match="No space left on device"):
            run.save({"step": 2})
        assert run.load() == {"step": 1}
        assert list(tmp_path.glob("*.part")) == []


def test_another_config_is_refused(tmp_path: Path) -> None:
    with opened_run(tmp_path, "a = 1\n"):
        pass
    with opened_run(tmp_path, "a = 1\n"):
        pass
    with pytest.raises(RunError, match="begun with another config"), opened_run(tmp_path, "a = 2"):
        pass
    assert (tmp_path / "config.toml").read_text() == "a = 1\n"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunError, match="choose another one"),
        opened_run(tmp_path / "file" / "run"),
    ):
        pass


def test_a_folder_whose_files_cannot_be_used_is_refused(tmp_path: Path) -> None:
    for name, said in (("lock", "choose another one"), (METRICS, "could not be written")):
        (tmp_path / name / name).mkdir(parents=True)
        with pytest.raises(RunError, match=said), opened_run(tmp_path / name):
            pass
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / CONFIG).write_bytes(b"caf\xe9")
    with pytest.raises(RunError, match="begun with another"), opened_run(tmp_path / "other"):
        pass


def test_a_folder_has_one_owner_even_within_a_process(tmp_path: Path) -> None:
    with (
        opened_run(tmp_path),
        pytest.raises(RunError, match="Another process is training"),
        opened_run(tmp_path),
    ):
        pass
    with opened_run(tmp_path):
        pass


def test_another_process_holds_its_folder_until_it_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="Another process is training"), opened_run(tmp_path):
            pass
        holder.kill()
    with opened_run(tmp_path) as run:
        assert run.load() is None
    assert not (tmp_path / CHECKPOINT).exists()


def test_the_time_left_is_that_of_the_steps_not_of_the_rendering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("engine.training.run.metrics_log.time.monotonic", lambda: now[0])
    with opened_run(tmp_path) as run:
        now[0] = 3600.0
        run.show_progress(10, 40, {"loss": 1.0})
        now[0] = 3660.0
        run.show_progress(20, 40, {"loss": 1.0})
    assert capsys.readouterr().err.splitlines()[-1].endswith("2.0 min left")
