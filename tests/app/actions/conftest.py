from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.app.playing_scene import PlayingScene


@pytest.fixture
def scene(tmp_path: Path) -> PlayingScene:
    return PlayingScene(tmp_path)
