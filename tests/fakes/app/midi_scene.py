"""A controller that plays and steers a scene on doubles; the player's folders are the test's."""

from __future__ import annotations

from pathlib import Path

from app.actions.midi.build import MidiContext, build_midi
from app.actions.midi.clock import ClockSync
from app.actions.midi.controls import PadActions
from app.actions.midi.learn_control import ControlLearner
from app.actions.midi.learn_pads import PadLearner
from app.actions.pads.pad_trigger import PadTrigger
from app.midi.clock.receiver import ClockReceiver
from tests.fakes.app.playing_scene import PlayingScene


class MidiScene(PlayingScene):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.config = folder / "config"
        self.hits = PadTrigger(self.mixer)
        self.called: list[str] = []
        """What controls did that this scene has no double of."""
        playing = PadActions(
            self.generate,
            self.record,
            self.takes,
            self.pad_settings,
            self.kit_file.open,
            lambda: self.called.append("tap"),
            lambda: self.called.append("start bar"),
            lambda: self.called.append("perform"),
        )
        clock = ClockSync(self.session, ClockReceiver())
        room = MidiContext(
            self.mixer,
            self.mixer.playing,
            self.hits,
            self.config,
            self.writer,
            self.loop.post,
            clock,
        )
        self.midi = build_midi(self.session, playing, room)
        self.midi.setup.read_maps()
        self.time_s = 0.0
        for learn in (self.midi.control_learner, self.midi.pad_learner):
            assert isinstance(learn, ControlLearner | PadLearner)
            learn.now = lambda: self.time_s

    def map(self, text: str, name: str = "mine") -> None:
        """Write a controller map of the player's own and read it."""
        folder = self.config / "controllers"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.toml").write_text(f'name = "{name}"\n{text}')
        self.midi.setup.read_maps()

    def play(self, *data: int, port: str = "Pads 20:0") -> None:
        """Receive one message, and let the main thread do what it asks for."""
        self.midi.router.receive(bytes(data), 1.0, port)
        self.loop.run_posted()

    def did(self) -> str:
        """What the last message did."""
        return self.midi.router.recent_events()[-1].outcome
