"""Folders: the folders of a user's files. Any thread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

HOME_VARIABLE = "PINGPAD_HOME"
"""Environment variable: a folder to use for everything (tests, a memory stick)."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of Pingpad's files. They need not exist yet."""

    config: Path
    data: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The file of the settings."""
        return self.config / "settings.json"

    @property
    def takes(self) -> Path:
        """Every take ever made: WAV and JSON."""
        return self.data / "takes"

    @property
    def performances(self) -> Path:
        """Recordings of the master output."""
        return self.data / "performances"

    @property
    def models(self) -> Path:
        """Models added by the user."""
        return self.data / "models"


def find_folders(environment: Mapping[str, str] | None = None) -> Folders:
    """Return this user's folders; PINGPAD_HOME replaces them all."""
    home = (os.environ if environment is None else environment).get(HOME_VARIABLE)
    if home:
        root = Path(home).expanduser().absolute()
        return Folders(root / "config", root / "data", root / "logs")
    user = platformdirs.PlatformDirs("Pingpad", appauthor=False)
    return Folders(user.user_config_path, user.user_data_path, user.user_log_path)
