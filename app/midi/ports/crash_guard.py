"""CrashGuard: a small process that gives controllers back when Pingpad ends without doing so.

A controller in programmer mode is of no use to any other program until somebody ends that mode,
and whoever is killed cannot. Run as `python -m app.midi.ports.crash_guard`, this is that process:
it waits for the end of its input, which comes whatever ends Pingpad.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

from app.midi.ports.farewell import Farewell, say
from app.midi.ports.system import MidiSystem, MidiUnavailableError, RtMidiConnector
from engine.files.paths import ROOT

log = logging.getLogger(__name__)


class CrashGuard:
    """Keeps the process for as long as anything was promised."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def promise(self, farewells: Sequence[Farewell]) -> None:
        """Promise these farewells instead of the last; none ends the process. One thread."""
        if self._process is None and not farewells:
            return
        line = json.dumps([[one.port, [data.hex() for data in one.messages]] for one in farewells])
        try:
            process = self._process or self._start()
            assert process.stdin is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()
            if farewells:
                self._process = process
            else:
                self._end(process)
        except OSError as error:
            # Lights are worth having without it.
            log.warning("no guard for the controllers' lights: %s", error)
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "app.midi.ports.crash_guard"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            # What is sent to Pingpad's group (Ctrl+C, the end of a terminal) must not end it.
            start_new_session=True,
        )

    def _end(self, process: subprocess.Popen[str]) -> None:
        self._process = None
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def keep_promises(lines: IO[str]) -> None:
    """Read promises until the input ends, then keep the last one."""
    last = "[]"
    for line in lines:
        last = line
    farewells = [
        Farewell(port, [bytes.fromhex(data) for data in messages])
        for port, messages in json.loads(last)
    ]
    if farewells:
        say_farewell(RtMidiConnector()(), farewells)


def say_farewell(system: MidiSystem, farewells: Sequence[Farewell]) -> None:
    """Send what was promised to the outputs that are there."""
    names = system.output_names()
    for farewell in farewells:
        if farewell.port not in names:
            continue
        try:
            port = system.open_output(names.index(farewell.port), farewell.port)
            say(port, farewell.messages)
            port.close()
        except MidiUnavailableError:
            continue


if __name__ == "__main__":
    try:
        keep_promises(sys.stdin)
    except MidiUnavailableError:
        sys.exit(1)
