"""Folders: where Pingpad keeps a user's files. Any thread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

HOME_VARIABLE = "PINGPAD_HOME"
"""An environment variable: a folder to use for everything (tests, a memory stick)."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Pingpad keeps its files. They need not exist yet."""

    config: Path
    data: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The settings."""
        return self.config / "settings.json"

    @property
    def takes(self) -> Path:
        """Every take ever made: WAV and JSON."""
        return self.data / "takes"

    @property
    def performances(self) -> Path:
        """What was recorded of all that was played."""
        return self.data / "performances"

    @property
    def models(self) -> Path:
        """The models that were added."""
        return self.data / "models"


def find_folders(environment: Mapping[str, str] | None = None) -> Folders:
    """Return this user's folders; PINGPAD_HOME replaces them all."""
    home = (os.environ if environment is None else environment).get(HOME_VARIABLE)
    if home:
        root = Path(home).expanduser().absolute()
        return Folders(root / "config", root / "data", root / "logs")
    user = platformdirs.PlatformDirs("Pingpad", appauthor=False)
    return Folders(user.user_config_path, user.user_data_path, user.user_log_path)
