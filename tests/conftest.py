"""For all tests: no window on the developer's screen, no file in their folders, one thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.log_watch import LogWatch

# Before Qt is imported. Tests that need a real screen start one of their own.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Before torch is imported: the last bits of sums depend on the number of threads, so a training in
# a test would not equal one in a process that the test starts; and small products are faster so.
os.environ["OMP_NUM_THREADS"] = "1"

# What a folder or file of tests needs besides a processor and a second.
MARKERS = {
    "lint": ("test_house_rules.py",),
    "train": ("engine/training", "engine/experiments", "test_made_by_8ca0ee4.py"),
    "jack": ("integration/test_jack_",),
    "x11": ("integration/test_window.py",),
    "slow": (
        "app/audio/kernel/test_kernel_model.py",
        "app/audio/mixer/test_clock.py",
        "app/bench",
        "app/ui",
        "engine/acceleration",
        "engine/bench",
        "engine/cli",
        "engine/corpus",
        "engine/evaluation",
        "engine/generation",
        "engine/hardware",
        "engine/loading",
        "engine/models",
        "engine/process",
        "engine/sound",
        "examples",
        "integration/test_wheel.py",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by where they are; those that nothing else marks are fast."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        names = [name for name, parts in MARKERS.items() if place.startswith(parts)]
        for name in names or ["fast"]:
            item.add_marker(name)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, takes and logs go to the test's own folder."""
    monkeypatch.setenv("PINGPAD_HOME", str(tmp_path / "pingpad home"))


@pytest.fixture(autouse=True)
def log_watch(request: pytest.FixtureRequest) -> Iterator[LogWatch]:
    """Fail a test whose log holds a warning or an error that it did not `expect`."""
    watch = LogWatch()
    if request.node.get_closest_marker("jack"):
        # PortAudio may hang in a stream whose JACK server went away: how often is up to libjack.
        watch.allow("The sound driver hangs")
    root = logging.getLogger()
    root.addHandler(watch)
    yield watch
    root.removeHandler(watch)
    problems = watch.problems()
    if problems:
        pytest.fail("\n".join(["Log:", *problems]), pytrace=False)
