"""The one place that builds and connects everything; stops it in reverse order. Main thread."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.actions.actions import Actions
from app.actions.beat import BeatControl
from app.actions.files.drag_out import DragOut
from app.actions.files.kit_file import KitFile
from app.actions.files.remember import Remember
from app.actions.files.transfer import Transfer
from app.actions.midi.build import MidiContext, build_midi
from app.actions.midi.clock import ClockSync
from app.actions.midi.controls import PadActions
from app.actions.midi.setup import MidiChoices
from app.actions.pads.choose_take import ChooseTake
from app.actions.pads.generate import Engine, Generate
from app.actions.pads.hits import Hits
from app.actions.pads.load_pads import PadLoader
from app.actions.pads.pad_settings import PadSettings
from app.actions.pads.play_modes import PlayModes
from app.actions.recording.keep_takes import KeepTakes
from app.actions.recording.perform import Perform
from app.actions.recording.record import Record, RecordingSources
from app.actions.setup.choose_device import BLOCKS, RATES, ChooseDevice
from app.actions.setup.choose_model import ChooseModel
from app.actions.tap_tempo import TapTempo
from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.devices.stream import AudioDevices
from app.audio.mixer.keyboard import Keyboard
from app.audio.mixer.mixer import Mixer
from app.audio.recording.disk_recorder import DiskRecorder
from app.audio.recording.recorder import CAPTURE_S, InputRecorder, TakeRecorder
from app.logs import Logs
from app.midi.clock.receiver import ClockReceiver
from app.midi.ports.inputs import MidiPorts, MidiState
from app.midi.ports.outputs import MidiOutputs, Sender
from app.model.parameters import MASTER_GAIN, RECORD_LENGTH, RECORD_THRESHOLD
from app.model.session import Session
from app.model.storage.clip_store import ClipStore, run_folder
from app.settings import Folders, Settings, find_folders, read_settings, write_settings
from app.threads.background import BackgroundThread, Post
from app.threads.file_writer import FileWriter, WriteNewest
from app.threads.ticker import Ticker
from engine.api import Answer, SwitchAnswer
from engine.library.card import EMBEDDED_FOLDER, read_card
from engine.library.store import ModelStore
from engine.process.client import EngineThread

if TYPE_CHECKING:
    from PySide6.QtCore import QLockFile

log = logging.getLogger(__name__)


# --- the parts a test replaces ---


class RunningEngine(Engine, Protocol):
    """engine.process.client.EngineThread, or a fake."""

    def start(self) -> None:
        """Start; returns at once."""
        ...

    def switch_model(self, model_folder: Path) -> None:
        """Load another model, which takes over when it is ready; returns at once."""
        ...

    def cancel_switch(self) -> None:
        """Load no other model; returns at once."""
        ...

    def stop(self) -> None:
        """End, within a few seconds."""
        ...


class SoundDevices(Protocol):
    """app.audio.devices.stream.AudioDevices, or a fake."""

    def open(self, request: DeviceRequest) -> AudioState:
        """Open what is asked for; returns at once, news comes by on_change."""
        ...

    def measure(self) -> None:
        """Measure the round trip; news comes by on_change."""
        ...

    def close(self) -> None:
        """Close them."""
        ...


class MidiInputs(Protocol):
    """app.midi.ports.inputs.MidiPorts, or a fake."""

    def start(self) -> None:
        """Begin to listen."""
        ...

    def stop(self) -> None:
        """End."""
        ...


class MidiSenders(Protocol):
    """app.midi.ports.outputs.MidiOutputs, or a fake."""

    def start(self) -> None:
        """Begin to send."""
        ...

    def rescan(self) -> None:
        """Ask the senders at once where they send to."""
        ...

    def stop(self) -> None:
        """Leave every controller as it was."""
        ...


OnAudio = Callable[[AudioState], None]
OnMidi = Callable[[bytes, float, str], None]
OnOutputs = Callable[[tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """How to make what touches the world outside."""

    engine: Callable[[Callable[[Answer], None], Path], RunningEngine] = EngineThread
    audio: Callable[[Mixer, InputRecorder, OnAudio], SoundDevices] = AudioDevices
    midi: Callable[[OnMidi, Callable[[MidiState], None]], MidiInputs] = MidiPorts
    midi_out: Callable[[Sequence[Sender], OnOutputs], MidiSenders] = MidiOutputs
    model_folder: Path = EMBEDDED_FOLDER
    now: Callable[[], float] = time.time


class Instrument:
    """Everything but the window, connected. Build, `start`, play, `stop`."""

    def __init__(
        self, folders: Folders, post: Post, parts: Parts | None = None, *, remember: bool = True
    ) -> None:
        """Build without starting a thread or opening a device.

        `post` runs a callable on the main thread. Without `remember` the last session is neither
        brought back nor replaced (another Pingpad is open).
        """
        self._parts = parts = parts or Parts()
        self._folders = folders
        self._remembers = remember
        self._post = post
        self._read = read_settings(folders.settings_file)
        self._stopping = False
        self.session = Session()
        self._use_settings(self._read.settings)
        self.mixer = Mixer(capture_s=CAPTURE_S)
        self.recorder = InputRecorder(self.mixer.rate)
        self.disk_recorder = DiskRecorder(
            self.mixer.capture, lambda take: post(lambda: self.actions.perform.on_ended(take))
        )
        self.writer = FileWriter(post)
        self._settings_writing = WriteNewest(self.writer, partial(log.warning, "%s"))
        self.background = BackgroundThread(post)
        self.fetching = BackgroundThread(post)  # so that nothing else waits for the network
        self.store = ClipStore(
            run_folder(folders.takes, parts.now()), self.writer, self.session.notify
        )
        self.engine = parts.engine(
            lambda answer: post(lambda: self._on_answer(answer)), parts.model_folder
        )
        self.devices = parts.audio(
            self.mixer, self.recorder, lambda state: post(lambda: self._on_audio(state))
        )
        self.loader = PadLoader(self.session, self.mixer, self.background)
        self.actions = self._build_actions()
        self._remember = Remember(
            self.session, self.store, self.writer, folders.data / "session.json", parts.now
        )
        self.midi = parts.midi(self.actions.midi.router.receive, self._on_midi)
        setup = self.actions.midi.setup
        self.midi_out = parts.midi_out(
            self.actions.midi.senders, lambda names: post(lambda: setup.set_outputs(names))
        )
        self._ticker = Ticker(
            post,
            fast=(self.actions.record.tick,),
            slow=(self.actions.midi.tick, self.actions.beat.tick),
        )
        self._connect()

    def _build_actions(self) -> Actions:
        session, loader, now = self.session, self.loader, self._parts.now
        keep = KeepTakes(session, loader, self.store)
        keyboard = Keyboard(self.mixer)
        hits = Hits(keyboard)
        generate = Generate(session, self.engine, keep, hits, now)
        kit_file = KitFile(session, self.writer, self.background, loader, generate, self.store)
        perform = Perform(session, self.disk_recorder, self._folders.performances, now)
        clock = ClockSync(session, ClockReceiver(), self.mixer.clock)
        beat, tempo = BeatControl(session, self.mixer, clock.followed), TapTempo(session)
        decks = RecordingSources(self.recorder, TakeRecorder(self.mixer.capture), self.mixer, beat)
        takes, pad_settings = ChooseTake(session, loader), PadSettings(session, loader)
        record = Record(session, decks, keep, generate, pad_settings, now)
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
                perform.toggle,
            ),
            MidiContext(keyboard, hits, self._folders.config, self.writer, self._post, clock),
        )
        self._play_modes = PlayModes(session, keyboard)
        return Actions(
            hits=hits,
            generate=generate,
            record=record,
            perform=perform,
            transfer=Transfer(session, self.background, keep, generate, self.store, now),
            drag_out=DragOut(session, self.store),
            kit_file=kit_file,
            takes=takes,
            pad_settings=pad_settings,
            devices=ChooseDevice(session, self.devices),
            models=ChooseModel(
                session,
                self.engine,
                self.fetching,
                ModelStore(self._folders.models),
                self._parts.model_folder,
            ),
            midi=midi,
            beat=beat,
            tempo=tempo,
        )

    def _connect(self) -> None:
        for pad in self.session.kit.pads:
            self.loader.configure(pad)
        # Each take on disk is a good moment to write the settings too: a crash may come.
        self.store.kept.connect(self._save_settings)
        self.session.settings_changed.connect(self._use_master_gain)
        self._use_master_gain()
        self.actions.midi.setup.changed.connect(self.midi_out.rescan)

    # --- start and stop ---

    def start(self) -> None:
        """Start the threads and open the devices; nothing here waits for any of them."""
        self.writer.start()
        self.background.start()
        self.fetching.start()
        self.engine.start()
        self.actions.models.bring_back(self._read.settings.model)
        self.actions.midi.setup.read_maps()
        self.actions.midi.setup.choose(_midi_choices(self._read.settings))
        self.midi.start()
        self.midi_out.start()
        if self._read.notice:
            self.session.notify(self._read.notice, "warning")
        self._read_model_card()
        if self._remembers:
            self._remember.bring_back(self.background, self.loader)
        else:
            self.session.notify(
                "Another Pingpad is open. This one keeps your takes too, but the next start "
                "brings back the pads of the other."
            )
        self.actions.devices.open_chosen()
        self._ticker.start()

    def stop(self, window_geometry: str = "") -> None:
        """Stop everything in reverse order; what was made is on disk when this returns."""
        self._stopping = True
        self._ticker.stop()
        if self._remembers:
            self._remember.close()
            settings = self._settings(window_geometry)
            file = self._folders.settings_file
            self.writer.write(lambda: write_settings(file, settings), lambda sentence: None)
        self.actions.models.stop_fetching()
        self.fetching.stop()
        self.background.stop()
        self.disk_recorder.close()
        self.devices.close()
        self.midi.stop()
        self.midi_out.stop()
        self.engine.stop()
        if not self.writer.stop():
            self._rescue()

    def _use_master_gain(self) -> None:
        self.mixer.set_master_gain(self.session.master_gain_db)

    def _on_audio(self, state: AudioState) -> None:
        if state.measured and state.measured != self.session.round_trips:
            self.session.round_trips = state.measured
            self._save_settings()
        self.session.set_audio(state)
        self.loader.follow_rate()

    def _on_midi(self, state: MidiState) -> None:
        """Let go of what was held on a port that was pulled out; the MIDI thread."""
        self.actions.midi.router.release_missing_ports(state.ports)
        self._post(lambda: self.session.set_midi(state))

    def _on_answer(self, answer: Answer) -> None:
        if isinstance(answer, SwitchAnswer):
            self.actions.models.on_answer(answer)
        else:
            self.actions.generate.on_answer(answer)

    def _read_model_card(self) -> None:
        session, folder = self.session, self._parts.model_folder

        def read() -> frozenset[str]:
            return frozenset(read_card(folder).vocabulary)

        def failed(sentence: str) -> None:
            log.warning("no model card: %s", sentence)
            session.set_engine(replace(session.engine, text=sentence, ready=False, failed=True))

        self.background.run(read, lambda words: session.set_engine(session.engine, words), failed)

    # --- what is remembered ---

    def _use_settings(self, settings: Settings) -> None:
        session = self.session
        session.prompt, session.seconds = settings.prompt, settings.seconds
        session.length_unit, session.bars = settings.length_unit, settings.bars
        session.bpm, session.strength = settings.bpm, settings.strength
        session.hear_recordings = settings.hear_recordings
        session.record_from, session.record_start = settings.record_from, settings.record_start
        bars, threshold_db = settings.record_bars, settings.record_threshold_db
        session.record_bars = bars if bars in RECORD_LENGTH.values else 0
        session.record_threshold_db = RECORD_THRESHOLD.clamp(threshold_db)
        session.count_in = settings.count_in
        session.swap_at, session.play_at_once = settings.swap_at, settings.play_at_once
        session.steps, session.seed = settings.steps, settings.seed
        session.output, session.input = settings.output, settings.input
        session.input_channels, session.exclusive = settings.input_channels, settings.exclusive
        session.round_trips = settings.round_trips
        session.block_frames = settings.block_frames if settings.block_frames in BLOCKS else 0
        session.rate = settings.rate if settings.rate in RATES else 0
        session.master_gain_db = MASTER_GAIN.clamp(settings.master_gain_db)

    @property
    def window_geometry(self) -> str:
        """The window's place the last time; "" when there was none."""
        return self._read.settings.window_geometry

    def _settings(self, window_geometry: str) -> Settings:
        session, midi = self.session, self.actions.midi.setup.choices
        return replace(
            self._read.settings,
            window_geometry=window_geometry,
            output=session.output,
            input=session.input,
            input_channels=session.input_channels,
            block_frames=session.block_frames,
            rate=session.rate,
            exclusive=session.exclusive,
            round_trips=session.round_trips,
            prompt=session.prompt,
            seconds=session.seconds,
            length_unit=session.length_unit,
            bars=session.bars,
            bpm=session.bpm,
            strength=session.strength,
            hear_recordings=session.hear_recordings,
            record_from=session.record_from,
            record_start=session.record_start,
            record_bars=session.record_bars,
            record_threshold_db=session.record_threshold_db,
            count_in=session.count_in,
            swap_at=session.swap_at,
            play_at_once=session.play_at_once,
            steps=session.steps,
            seed=session.seed,
            model=self.actions.models.remembered,
            master_gain_db=session.master_gain_db,
            midi_channel=midi.channel,
            pad_map=midi.pad_map,
            midi_lights=midi.lights,
            clock_from=midi.clock_from,
            clock_to=midi.clock_to,
        )

    def _save_settings(self) -> None:
        if self._remembers and not self._stopping:
            settings, file = self._settings(self.window_geometry), self._folders.settings_file
            self._settings_writing.write(lambda: write_settings(file, settings))

    def _rescue(self) -> None:
        """Put takes the disk refused into the folder for temporary files, as a last resort."""
        unsaved = [take for take in self.store.unsaved if not self.store.is_kept(take)]
        if not unsaved:
            return
        folder = Path(tempfile.mkdtemp(prefix="pingpad-rescued-"))
        writer = FileWriter(lambda fn: None)
        rescue = ClipStore(folder, writer, lambda text, kind: None)
        writer.start()
        for take in unsaved:
            rescue.keep(take, None)
        saved = writer.stop()
        text = "were written to" if saved else "could not all be written, not even to"
        log.error("%d takes %s %s", len(unsaved), text, folder)
        sys.stderr.write(f"Pingpad: {len(unsaved)} takes {text} {folder}\n")


def _midi_choices(settings: Settings) -> MidiChoices:
    return MidiChoices(
        channel=settings.midi_channel,
        pad_map=settings.pad_map,
        lights=settings.midi_lights,
        clock_from=settings.clock_from,
        clock_to=settings.clock_to,
    )


def run(argv: Sequence[str]) -> int:
    """Open the instrument; return when its window is closed. `argv` goes to Qt."""
    # Qt is imported here so that building an Instrument needs no screen.
    from PySide6.QtCore import QByteArray, QLockFile
    from PySide6.QtWidgets import QApplication

    from app.ui.window.main_thread import MainThread
    from app.ui.window.main_window import MainWindow
    from app.ui.window.monitors import Monitors

    folders = find_folders()
    logs = Logs(folders.logs)
    application = QApplication([*argv])
    application.setApplicationName("Pingpad")
    main_thread = MainThread()
    lock = QLockFile(str(folders.data / "pingpad.lock"))
    instrument = Instrument(folders, main_thread.post, remember=_is_alone(lock, folders.data))
    window = MainWindow(
        instrument.session,
        instrument.actions,
        Monitors(instrument.mixer, instrument.recorder),
        main_thread,
    )
    if instrument.window_geometry:
        window.restoreGeometry(QByteArray.fromHex(instrument.window_geometry.encode()))
    window.show()
    instrument.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    gc.collect()
    # What was built so far lives to the end: no collection need ever walk through it again.
    gc.freeze()
    try:
        return application.exec()
    finally:
        instrument.stop(bytes(window.saveGeometry().toHex().data()).decode())
        lock.unlock()
        logs.stop()


def _is_alone(lock: QLockFile, folder: Path) -> bool:
    """Say whether no other Pingpad of this user runs; a folder without a lock counts as alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return True
    lock.setStaleLockTime(0)
    return lock.tryLock(0) or lock.error() != lock.LockError.LockFailedError
