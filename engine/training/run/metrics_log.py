"""A run's metrics: a JSON line for each logged step, TensorBoard, progress. Needs torch."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import sys
import time
from io import FileIO
from pathlib import Path
from typing import Any

from engine.hardware.device import choose_device, machine_name
from engine.training.run import distributed
from engine.training.run.errors import RunError

METRICS = "metrics.jsonl"


class MetricsLog:
    """The metrics of one run, written by its main process alone."""

    def __init__(self, folder: Path, file: FileIO) -> None:
        self._folder, self._file = folder, file
        self._machine = _describe_machine()
        self._tensorboard: Any = None
        self._tried_tensorboard = False

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append one line; raises RunError where the disk is full."""
        line = {"step": step, "time": round(time.time(), 1), "machine": self._machine, **values}
        try:
            _write_all(self._file, json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise RunError(
                f"{self._folder / METRICS} could not be written ({error}): make room there; "
                "the last checkpoint is kept."
            ) from error
        self._write_tensorboard(step, values)

    def truncate_after(self, step: int) -> None:
        """Drop the lines of later steps, which the run will log again."""
        kept = 0
        for line in (self._folder / METRICS).read_bytes().splitlines(keepends=True):
            if not _step_of(line) <= step:
                break
            kept += len(line)
        self._file.truncate(kept)

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._tensorboard is not None:
            with contextlib.suppress(OSError):
                self._tensorboard.close()

    def _write_tensorboard(self, step: int, values: dict[str, float]) -> None:
        """Write metrics for TensorBoard; a run continues if that fails."""
        try:
            if not self._tried_tensorboard:
                self._tried_tensorboard = True
                self._tensorboard = _open_tensorboard(self._folder, step)
            if self._tensorboard is not None:
                for name, value in values.items():
                    self._tensorboard.add_scalar(name, value, step)
        except OSError as error:
            self._tensorboard = None
            print_line(f"TensorBoard shows nothing more of this run ({error}).")


class ProgressLine:
    """Prints a run's progress and the time left, measured since this start."""

    def __init__(self) -> None:
        self._first_step: int | None = None
        self._first_time = 0.0

    def show(self, step: int, steps: int, values: dict[str, float]) -> None:
        """Print one line on standard error."""
        if self._first_step is None:
            self._first_step, self._first_time = step, time.monotonic()
        done, passed = step - self._first_step, time.monotonic() - self._first_time
        left = (steps - step) * passed / done if done else 0.0
        text = " ".join(f"{name} {value:.4g}" for name, value in values.items())
        minutes = f"{left / 60:.1f} min left" if done else ""
        print_line(f"{step}/{steps} {text} {minutes}")


def print_line(text: str) -> None:
    """Print a line about what the run is doing on standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def drop_partial_line(metrics: Path) -> None:
    """Drop the partial line that a killed run may have left."""
    if metrics.exists():
        lines = metrics.read_bytes().rpartition(b"\n")
        os.truncate(metrics, len(lines[0]) + len(lines[1]))


def _describe_machine() -> str:
    name, count = machine_name(choose_device()), distributed.world_size()
    return name if count == 1 else f"{count} × {name}"


def _write_all(file: FileIO, content: bytes) -> None:
    """Write all or raise OSError: an unbuffered file may accept a part only."""
    if file.write(content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _step_of(line: bytes) -> float:
    """Return the step of a line of metrics; not a number where it cannot be read."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.nan


def _open_tensorboard(path: Path, step: int) -> Any:  # noqa: ANN401 - TensorBoard is untyped and optional
    """Open TensorBoard from `step` on, which hides what an earlier start showed of later steps."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(path / "tensorboard"), purge_step=step)
