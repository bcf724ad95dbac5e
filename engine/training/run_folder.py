"""A run's folder: its config, lock, metrics and checkpoints; a killed run goes on from here."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import torch

CHECKPOINT = "checkpoint.pt"
CONFIG = "config.toml"
METRICS = "metrics.jsonl"


class RunError(Exception):
    """A run that cannot start or go on; the text says what to do."""


@dataclass
class RunFolder:
    """One training run on disk. Open it with `opened`, which holds its lock."""

    path: Path
    _metrics: TextIO
    _board: Any
    _started: float = field(default_factory=time.monotonic)
    _first_step: int | None = None

    def log(self, step: int, values: dict[str, float]) -> None:
        """Append one line of metrics; raises RunError when one is not a number."""
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise RunError(
                f"{', '.join(bad)} became NaN or infinite at step {step}; "
                f"the last checkpoint in {self.path} is kept."
            )
        line = {"step": step, "time": round(time.time(), 1), **values}
        try:
            self._metrics.write(json.dumps(line) + "\n")
            self._metrics.flush()
        except OSError as error:
            raise RunError(
                f"{self.path / METRICS} could not be written ({error}); "
                "the last checkpoint is kept."
            ) from error
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def show(self, step: int, steps: int, values: dict[str, float]) -> None:
        """Print progress with the time left."""
        if self._first_step is None:
            self._first_step = step
        done, passed = step - self._first_step, time.monotonic() - self._started
        left = (steps - step) * passed / done if done else 0.0
        text = " ".join(f"{name} {value:.4g}" for name, value in values.items())
        minutes = f"{left / 60:.1f} min left" if done else ""
        print(f"{step}/{steps} {text} {minutes}", file=sys.stderr, flush=True)  # noqa: T201

    def note(self, text: str) -> None:
        """Print a line about what the run is doing."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def save(self, state: dict[str, Any], name: str = CHECKPOINT) -> None:
        """Write a checkpoint so that the previous one survives a crash or a full disk."""
        temporary = self.path / f"{name}.part"
        try:
            with temporary.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path / name)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise RunError(
                f"The checkpoint could not be written ({error}); the previous one is kept."
            ) from error

    def load(self, name: str = CHECKPOINT) -> dict[str, Any] | None:
        """Return the last checkpoint, None where there is none yet."""
        path = self.path / name
        if not path.exists():
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state


@contextlib.contextmanager
def opened(path: Path, config_text: str) -> Iterator[RunFolder]:
    """Open a run folder for writing, new or to go on with; one process at a time.

    Raises RunError when another process holds it or it was begun with another config.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path} cannot be a run's folder ({error}): choose another one.") from error
    with _lock(path):
        _keep_config(path / CONFIG, config_text)
        _mend(path / METRICS)
        board = _board(path)
        try:
            with (path / METRICS).open("a", encoding="utf-8") as metrics:
                yield RunFolder(path, metrics, board)
        finally:
            if board is not None:
                board.close()


def _keep_config(config: Path, text: str) -> None:
    if config.exists():
        if config.read_text(encoding="utf-8") != text:
            raise RunError(f"{config.parent} was begun with another config: choose another folder.")
        return
    temporary = config.with_name(f"{config.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(config)


def _mend(metrics: Path) -> None:
    """Drop the half line that a killed run may have left."""
    if metrics.exists():
        whole = metrics.read_bytes().rpartition(b"\n")
        os.truncate(metrics, len(whole[0]) + len(whole[1]))


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the folder. The system itself lets go when the process ends, however it ends."""
    with (path / "lock").open("a") as file:
        try:
            _take(file)
        except OSError as error:
            raise RunError(f"Another process is training in {path}.") from error
        yield


def _take(file: TextIO) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _board(path: Path) -> Any:  # noqa: ANN401 - TensorBoard is untyped and optional
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(path / "tensorboard"))
