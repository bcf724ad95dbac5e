"""CrashGuard: a small process that resets controllers when Pingpad dies without doing so.

A controller left in programmer mode is useless to every other program, and a killed process cannot
leave that mode. Run as `python -m app.midi.ports.crash_guard`, this module is the guard process: it
waits for the end of its standard input, which comes however Pingpad ends.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

from app.midi.ports.shutdown_messages import ShutdownMessages, send_and_drain
from app.midi.ports.system import MidiSystem, MidiUnavailableError, RtMidiConnector
from engine.process.python_child import child_environment, module_command

log = logging.getLogger(__name__)


class CrashGuard:
    """Runs the guard process while it is armed. One thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def arm(self, shutdown_messages: Sequence[ShutdownMessages]) -> None:
        """Set the messages to send if Pingpad dies; an empty list ends the guard process."""
        if self._process is None and not shutdown_messages:
            return
        line = json.dumps(
            [
                [output.port, [data.hex() for data in output.messages]]
                for output in shutdown_messages
            ]
        )
        try:
            process = self._process or self._start()
            assert process.stdin is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()
            if shutdown_messages:
                self._process = process
            else:
                self._end(process)
        except OSError as error:
            # Pad lights work without the guard.
            log.warning("Cannot start the process that resets controllers after a crash: %s", error)
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            module_command("app.midi.ports.crash_guard"),
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            # A signal to Pingpad's process group (Ctrl+C, a closed terminal) must not reach it.
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


def run_guard(lines: IO[str]) -> None:
    """Read until the input ends, then send the messages of the last line."""
    last = "[]"
    for line in lines:
        last = line
    shutdown_messages = [
        ShutdownMessages(port, [bytes.fromhex(data) for data in messages])
        for port, messages in json.loads(last)
    ]
    if shutdown_messages:
        send_all(RtMidiConnector()(), shutdown_messages)


def send_all(system: MidiSystem, shutdown_messages: Sequence[ShutdownMessages]) -> None:
    """Send the messages to those outputs that are present."""
    names = system.list_outputs()
    for output in shutdown_messages:
        if output.port not in names:
            continue
        try:
            port = system.open_output(names.index(output.port), output.port)
            send_and_drain(port, output.messages)
            port.close()
        except MidiUnavailableError:
            continue


if __name__ == "__main__":
    try:
        run_guard(sys.stdin)
    except MidiUnavailableError:
        sys.exit(1)
