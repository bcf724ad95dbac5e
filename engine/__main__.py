"""The engine process: `python -m engine MODEL_FOLDER`, started by engine_process with two pipes."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from engine.process.channel import Channel
from engine.process.worker import FACTORY, WorkerOptions, run_worker


def main(arguments: list[str]) -> int:
    """Serve the app over standard input and output."""
    parser = argparse.ArgumentParser(
        "python -m engine", description="Pingpad's engine process. Pingpad starts it by itself."
    )
    parser.add_argument("model_folder", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--factory", default=FACTORY)
    parser.add_argument("--beside", action="store_true", help="another model plays meanwhile")
    given = parser.parse_args(arguments)
    logging.basicConfig(format="engine: %(levelname)s %(name)s: %(message)s")
    options = WorkerOptions(given.model_folder, given.device, given.factory, given.beside)
    return run_worker(_take_over_pipes(), options)


def _take_over_pipes() -> Channel:
    """Take over the pipes, and redirect what libraries print to standard error."""
    requests, answers = os.dup(0), os.dup(1)
    if sys.stderr is None:  # a windowed Windows program has none
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = os.fdopen(2, "w", closefd=False)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Channel(os.fdopen(requests, "rb"), os.fdopen(answers, "wb"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
