"""A run's folder: its config, lock, metrics and checkpoints; a killed run goes on from here."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from engine.api import EngineError
from engine.files.atomic import replace_file, write_text
from engine.files.toml import is_same_toml
from engine.hardware.device import choose_device, machine_name
from engine.training.run import distributed as processes
from engine.training.run.throughput import Stopwatch

CHECKPOINT = "checkpoint.pt"
CONFIG = "config.toml"
METRICS = "metrics.jsonl"


class RunError(EngineError):
    """A run that cannot start or go on; the text says what to do."""


def _machine() -> str:
    name, count = machine_name(choose_device()), processes.count()
    return name if count == 1 else f"{count} × {name}"


@dataclass
class RunFolder:
    """One training run on disk. Open it with `opened`, which holds its lock.

    Where several processes train together only the first writes and speaks; all may read.
    """

    path: Path
    _metrics: FileIO | None
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    """Told of each step's work, it adds the run's speed to the metrics."""
    _board: Any = None
    _speed: dict[str, float] = field(default_factory=dict)
    _machine: str = field(default_factory=_machine)
    _first_shown: float = 0.0
    _first_step: int | None = None
    _first_logged: int | None = None

    def log(self, step: int, values: dict[str, float]) -> None:
        """Append one line of metrics; raises RunError when one is not a number."""
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise RunError(
                f"{', '.join(bad)} became NaN or infinite at step {step}; "
                f"the last checkpoint in {self.path} is kept."
            )
        if self._metrics is None:
            return
        self._speed = self.stopwatch.read()
        values = values | self._speed
        line = {"step": step, "time": round(time.time(), 1), "machine": self._machine, **values}
        try:
            _write_whole(self._metrics, json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise RunError(
                f"{self.path / METRICS} could not be written ({error}): make room there; "
                "the last checkpoint is kept."
            ) from error
        self._draw(step, values)

    def _draw(self, step: int, values: dict[str, float]) -> None:
        """Show metrics in TensorBoard, which is no reason to stop a run."""
        try:
            if self._first_logged is None:
                self._first_logged = step
                self._board = _board(self.path, step)
            if self._board is not None:
                for name, value in values.items():
                    self._board.add_scalar(name, value, step)
        except OSError as error:
            self._board = None
            self.note(f"TensorBoard shows nothing more of this run ({error}).")

    def show(self, step: int, steps: int, values: dict[str, float]) -> None:
        """Print progress with the time left."""
        if self._metrics is None:
            return
        if self._first_step is None:
            self._first_step, self._first_shown = step, time.monotonic()
        done, passed = step - self._first_step, time.monotonic() - self._first_shown
        left = (steps - step) * passed / done if done else 0.0
        shown = values | {k: v for k, v in self._speed.items() if not k.endswith("seconds")}
        text = " ".join(f"{name} {value:.4g}" for name, value in shown.items())
        minutes = f"{left / 60:.1f} min left" if done else ""
        print(f"{step}/{steps} {text} {minutes}", file=sys.stderr, flush=True)  # noqa: T201

    def note(self, text: str) -> None:
        """Print a line about what the run is doing."""
        if self._metrics is None:
            return
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def save(self, state: dict[str, Any], name: str = CHECKPOINT) -> None:
        """Write a checkpoint so that the previous one survives a crash or a full disk."""
        if self._metrics is None:
            return
        try:
            with (
                replace_file(self.path / name, sync=True) as temporary,
                temporary.open("wb") as file,
            ):
                torch.save(state, file)
        except (OSError, RuntimeError) as error:
            raise RunError(
                f"The checkpoint could not be written ({error}): make room in {self.path}; "
                "the previous one is kept."
            ) from error

    def load(self, name: str = CHECKPOINT) -> dict[str, Any] | None:
        """Return the last checkpoint, None where there is none yet.

        Metrics of later steps, which the run will log again, are dropped. The first step comes
        next: its time runs from here.
        """
        state = read_checkpoint(self.path, name) if (self.path / name).exists() else None
        step = 0 if state is None else int(state["step"])
        if not processes.all_agree(step):
            raise RunError(f"{self.path} must lie on a disk that all machines of this run share.")
        self._forget_after(step)
        self.stopwatch.begin()
        return state

    def _forget_after(self, step: int) -> None:
        if self._metrics is None:
            return
        lines = (self.path / METRICS).read_bytes().splitlines(keepends=True)
        kept = 0
        for line in lines:
            if not _step_of(line) <= step:
                break
            kept += len(line)
        self._metrics.truncate(kept)

    def close(self) -> None:
        """Let go of what shows the metrics."""
        if self._board is not None:
            with contextlib.suppress(OSError):
                self._board.close()


def _write_whole(file: FileIO, content: bytes) -> None:
    """Write all of it or raise OSError; a file without a buffer has nothing left to fail at its
    end, and may take a part."""
    if file.write(content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _step_of(line: bytes) -> float:
    """The step of a line of metrics; not a number where it cannot be read."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.nan


def read_checkpoint(folder: Path, name: str = CHECKPOINT) -> dict[str, Any]:
    """Read a run's checkpoint; raises RunError where there is none or it is broken."""
    path = folder / name
    if not path.exists():
        raise RunError(f"{folder} holds no checkpoint: train it first.")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise RunError(f"{path} could not be read ({error}).") from error
    return state


def words_of_checkpoint(checkpoint: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """The words that a run's network knows; raises RunError where the checkpoint has none."""
    if "vocabulary" not in checkpoint:
        raise RunError(f"The checkpoint in {folder} lacks its vocabulary: is it of a flow run?")
    return tuple(checkpoint["vocabulary"])


@contextlib.contextmanager
def opened(path: Path, config_text: str) -> Iterator[RunFolder]:
    """Open a run folder for writing, new or to go on with; one process at a time.

    Raises RunError when another process holds it or it was begun with another config.
    """
    if not processes.is_first():
        processes.wait()
        yield RunFolder(path, None)
        return
    with locked(path, f"Another process is training in {path}."):
        try:
            _keep_config(path / CONFIG, config_text)
            _mend(path / METRICS)
            metrics = (path / METRICS).open("ab", buffering=0)
        except OSError as error:
            raise RunError(f"{error.filename or path} could not be written ({error}).") from error
        processes.wait()
        with metrics:
            folder = RunFolder(path, metrics)
            try:
                yield folder
            finally:
                folder.close()


def _keep_config(config: Path, text: str) -> None:
    if config.exists():
        if not is_same_toml(config, text):
            raise RunError(f"{config.parent} was begun with another config: choose another folder.")
        return
    write_text(config, text)


def _mend(metrics: Path) -> None:
    """Drop the half line that a killed run may have left."""
    if metrics.exists():
        whole = metrics.read_bytes().rpartition(b"\n")
        os.truncate(metrics, len(whole[0]) + len(whole[1]))


@contextlib.contextmanager
def locked(path: Path, held: str) -> Iterator[None]:
    """Make and hold a folder. The system itself lets go when the process ends, however it ends.

    Raises RunError, with the sentence `held` where another process holds it.
    """
    lock = FileLock(path / "lock", blocking=False)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise RunError(held) from error
    except OSError as error:
        raise RunError(f"{path} cannot be a run's folder ({error}): choose another one.") from error
    try:
        yield
    finally:
        lock.release()


def _board(path: Path, step: int) -> Any:  # noqa: ANN401 - TensorBoard is untyped and optional
    """Show metrics from `step` on; what an earlier start showed of later steps is hidden."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(path / "tensorboard"), purge_step=step)
