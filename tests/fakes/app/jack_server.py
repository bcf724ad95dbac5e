"""A JACK server of the test's own, with a dummy driver: real ports without a sound card."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def why_not() -> str:
    """Return why no JACK server can run here; "" when one can."""
    if shutil.which("jackd") is None or shutil.which("jack_wait") is None:
        return "there is no jackd and jack_wait (apt-get install jackd2)"
    return ""


class JackServer:
    """Use under its own JACK_DEFAULT_SERVER; 48 kHz, two channels in and out."""

    def __init__(
        self, name: str, log: Path, block_frames: int = 128, *, realtime: bool = False
    ) -> None:
        self.name = name
        self._log = log
        self._block_frames = block_frames
        self._realtime = realtime
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it can be used."""
        command = ["jackd", "--name", self.name, "-R" if self._realtime else "-r", "-d", "dummy"]
        command += ["-r", "48000", "-p", str(self._block_frames), "-C", "2", "-P", "2"]
        environment = os.environ | {"JACK_NO_AUDIO_RESERVATION": "1"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wait = ["jack_wait", "-s", self.name, "-w", "-t", "20"]
        done = subprocess.run(wait, check=False, capture_output=True)
        assert done.returncode == 0, self._log.read_text(errors="replace")

    def kill(self) -> None:
        """End it as a crash does: it cleans nothing up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def stop(self) -> None:
        """End it, gently first."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None
