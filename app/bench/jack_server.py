"""Temporary JACK servers with the dummy driver: real deadlines without a sound card. Linux."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

RATE = 48_000
BLOCK_FRAMES = 128
END_WITHIN_S = 20.0


@contextmanager
def run_jack_server(name: str, block_frames: int = BLOCK_FRAMES) -> Iterator[str]:
    """Run jackd with the dummy driver under a unique name, which is yielded."""
    server = f"pingpad-{name}-{os.getpid()}"
    command = ["jackd", "-R", "-P", "70", "-n", server, "-d", "dummy"]
    command += ["-r", str(RATE), "-p", str(block_frames), "-C", "2", "-P", "2"]
    environment = {**os.environ, "JACK_NO_AUDIO_RESERVATION": "1"}
    jackd = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield server
    finally:
        jackd.terminate()
        jackd.wait(END_WITHIN_S)
