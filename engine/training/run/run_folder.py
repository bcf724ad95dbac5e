"""A run's folder: config, lock, metrics and checkpoints to resume from. Needs torch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from engine.files.atomic import write_text
from engine.files.toml import is_same_toml
from engine.training.run import distributed
from engine.training.run.checkpoint import CHECKPOINT, read_checkpoint, save_checkpoint
from engine.training.run.errors import RunError
from engine.training.run.metrics_log import (
    METRICS,
    MetricsLog,
    ProgressLine,
    drop_partial_line,
    print_line,
)
from engine.training.run.throughput import ThroughputMeter

CONFIG = "config.toml"


@dataclass
class RunFolder:
    """One training run on disk. Open it with `open_run_folder`, which holds its lock.

    Where several processes train together only the main one has a log, writes and prints; all may
    read.
    """

    path: Path
    _metrics_log: MetricsLog | None
    throughput: ThroughputMeter = field(default_factory=ThroughputMeter)
    """Counts each step's work, and adds the run's speed to the metrics."""
    _speed: dict[str, float] = field(default_factory=dict)
    _progress: ProgressLine = field(default_factory=ProgressLine)

    def log(self, step: int, values: dict[str, float]) -> None:
        """Append one line of metrics; raises RunError when one is not a number."""
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise RunError(
                f"{', '.join(bad)} became NaN or infinite at step {step}; "
                f"the last checkpoint in {self.path} is kept."
            )
        if self._metrics_log is not None:
            self._speed = self.throughput.read()
            self._metrics_log.write(step, values | self._speed)

    def show_progress(self, step: int, steps: int, values: dict[str, float]) -> None:
        """Print the metrics and the time left."""
        if self._metrics_log is not None:
            speed = {k: v for k, v in self._speed.items() if not k.endswith("seconds")}
            self._progress.show(step, steps, values | speed)

    def note(self, text: str) -> None:
        """Print a line about the run."""
        if self._metrics_log is not None:
            print_line(text)

    def save(self, state: dict[str, Any], name: str = CHECKPOINT) -> None:
        """Write a checkpoint; the previous one survives a crash or a full disk."""
        if self._metrics_log is not None:
            save_checkpoint(self.path / name, state)

    def load(self, name: str = CHECKPOINT) -> dict[str, Any] | None:
        """Return the last checkpoint, None if there is none yet.

        Drops metrics of later steps, which the run will log again, and starts the clock of the
        first step.
        """
        state = read_checkpoint(self.path, name) if (self.path / name).exists() else None
        step = 0 if state is None else int(state["step"])
        if not distributed.all_equal(step):
            raise RunError(f"{self.path} must lie on a disk that all machines of this run share.")
        if self._metrics_log is not None:
            self._metrics_log.truncate_after(step)
        self.throughput.begin()
        return state


@contextlib.contextmanager
def open_run_folder(path: Path, config_text: str) -> Iterator[RunFolder]:
    """Open a run folder for writing, to start or to resume a run; one process at a time.

    Raises RunError when another process holds it or it was begun with another config.
    """
    if not distributed.is_main_process():
        distributed.barrier()
        yield RunFolder(path, None)
        return
    with lock_folder(path, f"Another process is training in {path}."):
        try:
            _write_or_compare_config(path / CONFIG, config_text)
            drop_partial_line(path / METRICS)
            file = (path / METRICS).open("ab", buffering=0)
        except OSError as error:
            raise RunError(f"{error.filename or path} could not be written ({error}).") from error
        distributed.barrier()
        with file:
            metrics_log = MetricsLog(path, file)
            try:
                yield RunFolder(path, metrics_log)
            finally:
                metrics_log.close()


def _write_or_compare_config(config: Path, text: str) -> None:
    if config.exists():
        if not is_same_toml(config, text):
            raise RunError(f"{config.parent} was begun with another config: choose another folder.")
        return
    write_text(config, text)


@contextlib.contextmanager
def lock_folder(path: Path, held: str) -> Iterator[None]:
    """Create a folder and hold its lock, which the system releases however the process ends.

    Raises RunError, with the message `held` if another process holds it.
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
