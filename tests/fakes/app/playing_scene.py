"""The model and the actions with doubles around them, everything at once and on one thread."""

from __future__ import annotations

from pathlib import Path

from app.actions.files.drag_out import DragOut
from app.actions.files.import_file import ImportFile
from app.actions.files.kit_file import KitFile
from app.actions.pads.choose_take import ChooseTake
from app.actions.pads.generate import Generate
from app.actions.pads.load_pads import PadLoader
from app.actions.pads.pad_settings import PadSettings
from app.actions.pads.pad_trigger import PadTrigger
from app.actions.recording.record import Record
from app.actions.recording.sources import RecordingSources
from app.actions.recording.take_store import TakeStore
from app.actions.setup.engine_status import EngineStatus
from app.model.kit import Pad
from app.model.session import Notice, Session
from app.model.storage.clip_store import ClipStore
from engine.api import Answer, SwitchAnswer
from tests.fakes.app.background import BackgroundAtOnce, WriterAtOnce
from tests.fakes.app.main_loop import MainLoop
from tests.fakes.app.mixer import FakeMixer
from tests.fakes.app.sound import PLUGGED_IN, FakeRecorder, FakeTiming
from tests.fakes.engine.engine_thread import FakeEngine


class PlayingScene:
    def __init__(self, folder: Path) -> None:
        self.loop = MainLoop()
        self.session = Session()
        self.session.audio = PLUGGED_IN
        self.notices: list[Notice] = []
        self.session.notice.connect(self.notices.append)
        self.mixer = FakeMixer()
        self.background = BackgroundAtOnce(self.loop.post)
        self.writer = WriterAtOnce()
        self.engine = FakeEngine(lambda answer: self.loop.post(lambda: self._on_answer(answer)))
        self.engine.start()
        self.store = ClipStore(folder / "run", self.writer, self.session.notify)
        self.loader = PadLoader(self.session, self.mixer, self.background)
        take_store = TakeStore(self.session, self.loader, self.store)
        self.generate = Generate(
            self.session,
            self.engine,
            take_store,
            PadTrigger(self.mixer),
            EngineStatus(self.session),
            lambda: 1000.0,
        )
        self.recorder = FakeRecorder()
        self.played = FakeRecorder()
        self.timing = FakeTiming()
        decks = RecordingSources(self.recorder, self.played, self.timing, self.timing)
        self.pad_settings = PadSettings(self.session, self.loader)
        self.record = Record(
            self.session, decks, take_store, self.generate, self.pad_settings, lambda: 1000.0
        )
        self.import_file = ImportFile(
            self.session, self.background, take_store, self.generate, self.store, lambda: 1000.0
        )
        self.takes = ChooseTake(self.session, self.loader)
        self.drag_out = DragOut(self.session, self.store)
        self.kit_file = KitFile(
            self.session, self.writer, self.background, self.loader, self.generate, self.store
        )

    @property
    def pads(self) -> tuple[Pad, ...]:
        return self.session.kit.pads

    def _on_answer(self, answer: Answer) -> None:
        if not isinstance(answer, SwitchAnswer):
            self.generate.on_answer(answer)

    def make(self, prompt: str = "kick", pad: int = 0) -> None:
        """Generate a sound to its end."""
        self.session.prompt = prompt
        assert self.generate.generate(pad)
        self.finish()

    def finish(self, job: int | None = None) -> None:
        self.engine.finish(job)
        self.loop.run_posted()

    def said(self) -> list[str]:
        """What the player was told since the last call."""
        texts = [notice.text for notice in self.notices]
        self.notices.clear()
        return texts
