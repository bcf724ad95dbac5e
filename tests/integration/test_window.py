"""The window under a real X server, with a real mouse and keyboard, beside a second program."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.files.audio import read_clip
from engine.library.card import CARD_FILE, EMBEDDED_FOLDER

ROOT = Path(__file__).parents[2]
MISSING = [program for program in ("Xvfb", "xdotool") if shutil.which(program) is None]
PATIENCE_S = 180.0

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="a virtual X screen is a thing of Linux"),
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} is not installed"),
]
WITHOUT_MODEL = pytest.mark.skipif(
    not (EMBEDDED_FOLDER / CARD_FILE).is_file(), reason="there is no model in assets/embedded"
)

Facts = dict[str, object]


class Program:
    """A process that says what happens to it in JSON lines."""

    def __init__(self, module: str, *arguments: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: queue.SimpleQueue[Facts | None] = queue.SimpleQueue()
        self._heard: list[Facts] = []
        self._complaints: list[str] = []
        self._threads = [
            threading.Thread(target=self._listen),
            threading.Thread(target=self._collect),
        ]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(json.loads(line))
        self._said.put(None)

    def _collect(self) -> None:
        assert self.process.stderr is not None
        self._complaints.extend(self.process.stderr)

    def wait_for(self, event: str, fits: Callable[[Facts], bool] = lambda facts: True) -> Facts:
        """Return the next thing of that kind that it says."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                facts = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                facts = None
            if facts is None:
                pytest.fail(
                    f"waited in vain for {event}; heard {self._heard[-12:]}; "
                    f"it wrote {''.join(self._complaints)[-3000:]}"
                )
            self._heard.append(facts)
            if facts["event"] == event and fits(facts):
                return facts

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


class Hand:
    """Mouse and keyboard on the virtual screen."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def do(self, *words: object) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, words)],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        return done.stdout.strip()

    def focus(self, title: str) -> None:
        self.do("search", "--sync", "--onlyvisible", "--name", title, "windowfocus", "--sync")

    def click(self, at: list[int]) -> None:
        self.do("mousemove", *at, "click", 1)

    def drag(self, start: list[int], end: list[int], steps: int = 20) -> None:
        """Pull from one place to another at the pace of a hand."""
        words: list[object] = ["mousemove", *start, "mousedown", 1, "sleep", 0.2]
        for step in range(1, steps + 1):
            share = step / steps
            place = [round(a + share * (b - a)) for a, b in zip(start, end, strict=True)]
            words += ["mousemove", *place, "sleep", 0.04]
        self.do(*words, "sleep", 0.3, "mouseup", 1)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A virtual screen of its own, under the first free number."""
    reading, writing = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x900x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    assert number, "Xvfb did not start"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WAYLAND")}
    yield kept | {
        "DISPLAY": f":{number}",
        "QT_QPA_PLATFORM": "xcb",
        "PINGPAD_HOME": str(tmp_path / "player's home"),
        "OMP_NUM_THREADS": "1",
    }
    screen.terminate()
    screen.wait()


@pytest.fixture
def hand(environment: dict[str, str]) -> Hand:
    return Hand(environment)


@pytest.fixture(params=["fake", pytest.param("real", marks=WITHOUT_MODEL)])
def window(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Program]:
    program = Program(
        "tests.integration.window_process", str(request.param), environment=environment
    )
    yield program
    program.end()


@pytest.fixture
def target(environment: dict[str, str]) -> Iterator[Program]:
    program = Program("tests.integration.drop_target", environment=environment)
    yield program
    program.end()


def test_a_player_types_hits_by_key_and_mouse_and_drags_into_another_program(
    window: Program, target: Program, hand: Hand
) -> None:
    places = window.wait_for("window")
    pads = places["pads"]
    assert isinstance(pads, list)
    target.wait_for("shown")
    hand.focus("^Pingpad$")

    hand.do("type", "--delay", 12, "punchy 909 kick")
    hand.do("key", "Return")
    made = window.wait_for("pad", lambda facts: bool(facts["playable"]))
    assert (made["pad"], made["name"]) == (0, "punchy 909 kick")

    hand.do("key", "Escape")
    hand.do("key", "z")
    window.wait_for("heard")
    window.wait_for("silent")
    hand.click(pads[0])
    window.wait_for("heard")
    window.wait_for("silent")

    hand.drag(pads[0], [1440, 300])
    dropped = target.wait_for("dropped")
    paths = dropped["paths"]
    assert isinstance(paths, list)
    assert dropped["exist"] == [True]
    assert dropped["actions"] == "CopyAction"
    path = Path(paths[0])
    assert path.name == "punchy-909-kick_001.wav"
    assert read_clip(path).seconds == pytest.approx(1.0, abs=0.05)
    target.process.wait(PATIENCE_S)
    assert path.is_file()
    assert window.process.poll() is None
