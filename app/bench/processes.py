"""Benchmark processes: each prints "ready", works until a line on stdin, and prints its result."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import PlayerError
from engine.process.python_child import child_environment, module_command

ANSWER_WITHIN_S = 20.0


@contextmanager
def run_process(
    role: str, environment: dict[str, str], module: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a module as a child process called `role`; return once it is ready."""
    process = subprocess.Popen(
        module_command(module, role),
        env={**child_environment(), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise PlayerError(f"The bench's {role} process did not start.")
        yield process
    finally:
        process.kill()
        process.communicate()


def end_process(process: subprocess.Popen[str]) -> str:
    """End a process's work and return the line it printed."""
    return process.communicate("end\n", timeout=ANSWER_WITHIN_S)[0]


def write_line(line: str) -> None:
    """Print a line for the parent process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
