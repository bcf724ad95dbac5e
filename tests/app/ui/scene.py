"""A whole window on doubles: no sound card, no engine process, no threads but those of Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.actions.actions import Actions
from app.actions.beat import BeatControl
from app.actions.files.drag_out import DragOut
from app.actions.files.import_file import ImportFile
from app.actions.files.kit_file import KitFile
from app.actions.midi.build import MidiContext, build_midi
from app.actions.midi.clock import ClockSync
from app.actions.midi.controls import PadActions
from app.actions.pads.choose_take import ChooseTake
from app.actions.pads.generate import Generate
from app.actions.pads.load_pads import PadLoader
from app.actions.pads.pad_settings import PadSettings
from app.actions.pads.pad_trigger import PadTrigger
from app.actions.recording.master_recording import MasterRecording
from app.actions.recording.record import Record
from app.actions.recording.sources import RecordingSources
from app.actions.recording.take_store import TakeStore
from app.actions.setup.choose_device import ChooseDevice
from app.actions.setup.choose_model import ChooseModel
from app.actions.setup.engine_status import EngineStatus
from app.actions.setup.model_library import ModelLibrary
from app.actions.tap_tempo import TapTempo
from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.mixer.clock import Clock, Quantum
from app.audio.mixer.meter import Counts, Meter
from app.audio.mixer.pad_parameters import PadParameters
from app.midi.clock.receiver import ClockReceiver
from app.model.kit import PADS
from app.model.session import EngineState, Session
from app.model.storage.clip_store import ClipStore
from app.threads.background import Result, attempt
from app.ui.window.main_thread import MainThread
from app.ui.window.main_window import MainWindow
from app.ui.window.monitors import Monitors
from engine.api import Failed, Finished, Progress, Recipe, Timing
from engine.clip import Clip
from engine.errors import PlayerError
from engine.library.card import EMBEDDED_FOLDER
from engine.library.store import ModelStore
from tests.fakes.app.sound import DiskFile

RATE = 44_100
WORDS = """
punchy 808 909 606 kick snare clap hat closed open rim tom cymbal crash ride cowbell
shaker bass sub reese acid lead pluck bell pad organ strings brass riser impact sweep
laser noise vinyl rain wind techno house loop dark bright warm short long deep soft hard
distorted clean wide dry wet tight dusty crisp metallic wooden analog digital of with a
the and in at bpm minor major note low high beat
"""
VOCABULARY = frozenset(WORDS.split())


class Immediately:
    """Background and file writer: everything is done before the call returns."""

    def run(
        self,
        work: Callable[[], Result],
        done: Callable[[Result], object],
        failed: Callable[[str], object],
    ) -> None:
        attempt(work, done, failed)()

    def write(
        self, work: Callable[[], None], done: Callable[[str | None], object], *, retry: bool = False
    ) -> None:
        try:
            work()
        except (PlayerError, OSError) as error:
            done(str(error))
        else:
            done(None)


@dataclass
class SilentSound:
    """The mixer's double: remembers what it was told."""

    keys = range(16)
    rate: int = 48_000
    frame: int = 0
    pads: int = 16
    latency_frames: int = 78
    at_once: bool = False
    repeat_beats: float = 0.0
    pad: int | None = None
    metronome: float | None = None
    hits: list[tuple[int, float]] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)
    silences: int = 0
    loaded: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    positions: dict[int, float] = field(default_factory=dict)
    level: Meter = field(default_factory=lambda: Meter(0.0, 0.0, limiting=False))
    underflows: int = 0
    late: int = 0

    def __post_init__(self) -> None:
        self.clock = Clock(self, lambda anchor, frames_per_beat: None)

    def frame_of_moment(self, time_s: float) -> int | None:
        return self.frame

    def moment_of_frame(self, frame: int) -> float | None:
        return frame / self.rate

    def count_in(self, start: float, end: float, gain_db: float) -> None:
        self.counted = (start, end)

    def end_count_in(self) -> None:
        pass

    def set_metronome(self, gain_db: float | None) -> None:
        self.metronome = gain_db

    def set_note_repeat(self, beats: float) -> None:
        self.repeat_beats = beats

    def load_layers(
        self, pad: int, layers: Sequence[NDArray[np.float32]], at: Quantum = "now"
    ) -> None:
        self.loaded.pop(pad, None)
        if layers:
            self.loaded[pad] = layers[0]

    def configure(self, pad: int, parameters: PadParameters) -> None:
        pass

    def hit(self, pad: int, velocity: float = 1.0, time_s: float | None = None) -> None:
        self.hits.append((pad, velocity))

    def release(self, pad: int, time_s: float | None = None) -> None:
        self.releases.append(pad)

    def stop_all(self) -> None:
        self.silences += 1

    def meter(self) -> Meter:
        return self.level

    def playing(self, pad: int) -> float | None:
        return self.positions.get(pad)

    def counts(self) -> Counts:
        return Counts(0, self.underflows, self.late, 0, 0, 0.0, 0.0)


@dataclass
class Microphone:
    """The recorder's double."""

    level: float = 0.0
    seconds: float = 0.0
    clip: Clip | None = None
    started: int = 0
    stopped: int = 0
    rate: int = 48_000
    position: int = 0
    full: bool = False
    cut: bool = False
    loud: int | None = None

    def start(self, at: int | None = None) -> None:
        self.started += 1

    def stop(self, end: int | None = None) -> Clip | None:
        self.stopped += 1
        return self.clip

    def find_loud(self, since: int, threshold: float) -> int | None:
        return self.loud

    def frame_at(self, time_s: float) -> int | None:
        return self.position


@dataclass
class Opened:
    """The sound devices' double: remembers what was to be opened."""

    requests: list[DeviceRequest] = field(default_factory=list)

    measured: int = 0

    def open(self, request: DeviceRequest) -> None:
        self.requests.append(request)

    def measure(self) -> None:
        self.measured += 1


@dataclass(frozen=True)
class Wished:
    job: int
    recipe: Recipe
    source: Clip | None


@dataclass
class PatientEngine:
    """The engine's double: makes what it is told to, when it is told to."""

    wishes: list[Wished] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    used: list[Path] = field(default_factory=list)

    def switch_model(self, model_folder: Path) -> None:
        self.used.append(model_folder)

    def cancel_switch(self) -> None:
        self.used.append(EMBEDDED_FOLDER)

    def generate(
        self, recipe: Recipe, source: Clip | None = None, *, slot: str | None = None
    ) -> int:
        self.wishes.append(Wished(len(self.wishes) + 1, recipe, source))
        return len(self.wishes)

    def cancel(self, job: int) -> None:
        self.cancelled.append(job)


Audio = partial(
    AudioState,
    output_name="Scarlett 2i2",
    input_name="Scarlett 2i2",
    block_frames=128,
    latency_ms=5.3,
    round_trip_ms=9.6,
    message="",
    outputs=("Scarlett 2i2", "HDMI", "HDMI"),
    inputs=("Scarlett 2i2", "Webcam & co"),
    input_channels=4,
)
"""An interface that is plugged in and open."""


@dataclass(frozen=True)
class Midi:
    ports: tuple[str, ...] = ("Launchpad Mini MK3", "MPK mini 3")
    message: str = ""
    dropped: int = 0


class Scene:
    """The window, and everything it is connected to."""

    def __init__(self, folder: Path) -> None:
        now = Immediately()
        self.session = Session()
        self.time_s = 100.0
        self.sound = SilentSound()
        self.microphone, self.played, self.disk = Microphone(), Microphone(), DiskFile()
        self.devices = Opened()
        self.engine = PatientEngine()
        self.said: list[str] = []
        self.session.notice.connect(lambda notice: self.said.append(notice.text))
        self.store = ClipStore(folder / "takes", now, self.session.notify)
        loader = PadLoader(self.session, self.sound, now)
        self.take_store = TakeStore(self.session, loader, self.store)
        self.actions = self._build_actions(folder, loader, now)
        self._plug_in()
        self.main_thread = MainThread()
        self.window = self._open_window()

    def _build_actions(self, folder: Path, loader: PadLoader, now: Immediately) -> Actions:
        session = self.session
        pad_trigger = PadTrigger(self.sound)
        status = EngineStatus(session)
        generate = Generate(session, self.engine, self.take_store, pad_trigger, status)
        clock = ClockSync(session, ClockReceiver())
        beat = BeatControl(session, self.sound, clock.read_leader)
        tempo = TapTempo(session, lambda: self.time_s)
        decks = RecordingSources(self.microphone, self.played, self.sound, beat)
        takes, pad_settings = ChooseTake(session, loader), PadSettings(session, loader)
        record = Record(session, decks, self.take_store, generate, pad_settings)
        kit_file = KitFile(session, now, now, loader, generate, self.store)
        library = ModelLibrary(session, now, ModelStore(folder / "models"))
        master_recording = MasterRecording(session, self.disk, folder / "performances", lambda: 0.0)
        midi = build_midi(
            session,
            PadActions(
                generate,
                record,
                takes,
                pad_settings,
                kit_file.open,
                tempo.tap,
                beat.start_bar,
                master_recording.toggle,
            ),
            MidiContext(
                self.sound,
                self.sound.playing,
                pad_trigger,
                folder / "config",
                now,
                lambda fn: fn(),
                clock,
            ),
        )
        return Actions(
            pad_trigger=pad_trigger,
            generate=generate,
            record=record,
            master_recording=master_recording,
            import_file=ImportFile(session, now, self.take_store, generate, self.store),
            drag_out=DragOut(session, self.store),
            kit_file=kit_file,
            takes=takes,
            pad_settings=pad_settings,
            devices=ChooseDevice(session, self.devices),
            models=ChooseModel(session, self.engine, library, status),
            midi=midi,
            beat=beat,
            tempo=tempo,
        )

    def _open_window(self) -> MainWindow:
        monitors = Monitors(self.sound, self.microphone)
        return MainWindow(
            self.session, self.actions, monitors, self.main_thread, lambda: self.time_s
        )

    def _plug_in(self) -> None:
        session = self.session
        session.set_engine(
            EngineState("Ready in 0.8 s", True, model="embedded", device="CPU, float32"), VOCABULARY
        )
        session.set_audio(Audio())
        session.set_midi(Midi())

    def tick(self) -> None:
        """Let time go on for the actions, as the ticker does."""
        for action in (self.actions.record, self.actions.midi, self.actions.beat):
            action.tick()

    def progress(self, step: int, steps: int) -> None:
        """Let the engine say that the newest wish is at a step."""
        self.actions.generate.on_answer(Progress(self.engine.wishes[-1].job, step, steps))

    def finish(self, clip: Clip | None = None, seed: int = 7, whole_ms: float = 412.0) -> None:
        """Let the engine finish the newest wish."""
        wished = self.engine.wishes[-1]
        recipe = wished.recipe
        known = Recipe(recipe.prompt, recipe.seconds, recipe.steps, seed, recipe.strength)
        timing = Timing(3.0, 0.0, whole_ms - 23.0, 20.0, whole_ms)
        made = clip or decaying_sine(recipe.seconds)
        self.actions.generate.on_answer(Finished(wished.job, known, made, timing))

    def fail(self, message: str) -> None:
        """Let the newest wish fail."""
        self.actions.generate.on_answer(Failed(self.engine.wishes[-1].job, message))

    def make(self, pad: int, prompt: str, clip: Clip | None = None, seed: int = 7) -> None:
        """Put a generated sound on a pad, the way a player does."""
        self.session.prompt = prompt
        self.actions.generate.generate(pad)
        self.finish(clip, seed)
        assert len(self.session.kit.pads) == PADS


def decaying_sine(seconds: float = 0.5, hz: float = 60.0, fall: float = 6.0) -> Clip:
    """Return a stereo test sound."""
    time = np.arange(int(seconds * RATE), dtype=np.float32) / RATE
    mono = 0.9 * np.sin(2 * np.pi * hz * time) * np.exp(-fall * time / max(seconds, 1e-3))
    return Clip(np.repeat(mono[:, None], 2, axis=1).astype(np.float32), RATE)
