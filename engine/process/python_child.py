"""Child processes that run this very code, from a checkout or installed. No torch."""

from __future__ import annotations

import os
import sys

from engine.files.paths import ROOT


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module by this Python; give it `child_environment` too."""
    # -P: a file torch.py in the current folder must not shadow torch.
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment() -> dict[str, str]:
    """Return this process's environment, with the folder of this very code first on the path."""
    folders = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(folder for folder in folders if folder)
    return {**os.environ, "PYTHONPATH": path}
