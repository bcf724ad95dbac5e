"""Instrument: builds, connects, starts and stops all parts of the app. Main thread."""

from __future__ import annotations

from app.actions.actions import Actions
from app.actions.beat import BeatControl
from app.actions.files.drag_out import DragOut
from app.actions.files.emergency_save import save_in_emergency
from app.actions.files.import_file import ImportFile
from app.actions.files.kit_file import KitFile
from app.actions.files.session_autosave import SessionAutosave
from app.actions.files.settings_keeper import SettingsKeeper
from app.actions.midi.build import MidiContext, build_midi
from app.actions.midi.clock import ClockSync
from app.actions.midi.controls import PadActions
from app.actions.pads.choose_take import ChooseTake
from app.actions.pads.generate import Generate
from app.actions.pads.load_pads import PadLoader
from app.actions.pads.pad_settings import PadSettings
from app.actions.pads.pad_trigger import PadTrigger
from app.actions.pads.play_modes import PlayModes
from app.actions.recording.master_recording import MasterRecording
from app.actions.recording.record import Record
from app.actions.recording.sources import RecordingSources
from app.actions.recording.take_store import TakeStore
from app.actions.setup.choose_device import ChooseDevice
from app.actions.setup.choose_model import ChooseModel
from app.actions.setup.engine_status import EngineStatus
from app.actions.setup.model_library import ModelLibrary
from app.actions.tap_tempo import TapTempo
from app.audio.devices.state import AudioState
from app.audio.mixer.keyboard import Keyboard
from app.audio.mixer.mixer import Mixer
from app.audio.recording.disk_recorder import DiskRecorder
from app.audio.recording.recorder import CAPTURE_S, InputRecorder, TakeRecorder
from app.folders import Folders
from app.midi.clock.receiver import ClockReceiver
from app.midi.ports.inputs import MidiState
from app.model.panel import panel_of
from app.model.session import Session
from app.model.storage.clip_store import ClipStore, run_folder
from app.model.storage.settings_file import read_settings
from app.parts import Parts
from app.threads.background import BackgroundThread, Post
from app.threads.file_writer import FileWriter
from app.threads.ticker import Ticker
from engine.api import Answer, SwitchAnswer
from engine.library.store import ModelStore


class Instrument:
    """Everything except the window. Construct it, `start`, play, `stop`."""

    def __init__(
        self, folders: Folders, post: Post, parts: Parts | None = None, *, autosave: bool = True
    ) -> None:
        """Build without starting a thread or opening a device.

        `post` runs a callable on the main thread. Without `autosave`, for a second Pingpad, the
        last session is neither restored nor replaced.
        """
        self._parts = parts = parts or Parts()
        self._folders = folders
        self._autosaves = autosave
        self._post = post
        self._read = read_settings(folders.settings_file)
        self.session = Session()
        self.session.set_panel(panel_of(self._read.settings))
        self.mixer = Mixer(capture_s=CAPTURE_S)
        self.recorder = InputRecorder(self.mixer.rate)
        self.disk_recorder = DiskRecorder(
            self.mixer.capture,
            lambda take: post(lambda: self.actions.master_recording.on_ended(take)),
        )
        self.writer = FileWriter(post)
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
        self._autosave = SessionAutosave(
            self.session, self.store, self.writer, folders.data / "session.json", parts.now
        )
        self.midi = parts.midi(self.actions.midi.router.receive, self._on_midi)
        setup = self.actions.midi.setup
        self.midi_out = parts.midi_out(
            self.actions.midi.senders, lambda names: post(lambda: setup.set_outputs(names))
        )
        self._settings = SettingsKeeper(
            folders.settings_file,
            self._read.settings,
            self.session,
            self.actions,
            self.writer,
        )
        self._ticker = Ticker(
            post,
            fast=(self.actions.record.tick,),
            slow=(self.actions.midi.tick, self.actions.beat.tick),
        )
        self._connect()

    def _build_actions(self) -> Actions:
        session, loader, now = self.session, self.loader, self._parts.now
        folders, take_store = self._folders, TakeStore(session, loader, self.store)
        keyboard = Keyboard(self.mixer)
        pad_trigger = PadTrigger(keyboard)
        status = EngineStatus(session)
        generate = Generate(session, self.engine, take_store, pad_trigger, status, now)
        kit_file = KitFile(session, self.writer, self.background, loader, generate, self.store)
        master_recording = MasterRecording(session, self.disk_recorder, folders.performances, now)
        clock = ClockSync(session, ClockReceiver(), self.mixer.clock)
        beat, tempo = BeatControl(session, self.mixer, clock.read_leader), TapTempo(session)
        sources = RecordingSources(
            self.recorder, TakeRecorder(self.mixer.capture), self.mixer, beat
        )
        takes, pad_settings = ChooseTake(session, loader), PadSettings(session, loader)
        record = Record(session, sources, take_store, generate, pad_settings, now)
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
                keyboard,
                self.mixer.playing,
                pad_trigger,
                folders.config,
                self.writer,
                self._post,
                clock,
            ),
        )
        library = ModelLibrary(session, self.fetching, ModelStore(folders.models))
        folder = self._parts.model_folder
        self._play_modes = PlayModes(session, keyboard)
        return Actions(
            pad_trigger=pad_trigger,
            generate=generate,
            record=record,
            master_recording=master_recording,
            import_file=ImportFile(session, self.background, take_store, generate, self.store, now),
            drag_out=DragOut(session, self.store),
            kit_file=kit_file,
            takes=takes,
            pad_settings=pad_settings,
            devices=ChooseDevice(session, self.devices),
            models=ChooseModel(session, self.engine, library, status, folder),
            midi=midi,
            beat=beat,
            tempo=tempo,
        )

    def _connect(self) -> None:
        for pad in self.session.kit.pads:
            self.loader.configure(pad)
        if self._autosaves:
            # Save the settings with each take too, in case of a crash.
            self.store.take_saved.connect(self._settings.save)
        self.session.settings_changed.connect(self._use_master_gain)
        self._use_master_gain()
        self.actions.midi.setup.changed.connect(self.midi_out.rescan)

    # --- start and stop ---

    def start(self) -> None:
        """Start the threads and open the devices, without waiting for any of them."""
        self.writer.start()
        self.background.start()
        self.fetching.start()
        self.engine.start()
        self.actions.midi.setup.read_maps()
        self._settings.restore()
        self.midi.start()
        self.midi_out.start()
        if self._read.notice:
            self.session.notify(self._read.notice, "warning")
        self.actions.models.read_card()
        if self._autosaves:
            self._autosave.restore(self.background, self.loader)
        else:
            self.session.notify(
                "Another Pingpad is open. This one keeps your takes too, but the next start "
                "brings back the pads of the other."
            )
        self.actions.devices.open_chosen()
        self._ticker.start()

    def stop(self, window_geometry: str = "") -> None:
        """Stop everything in reverse order; all takes are on disk when this returns."""
        self._ticker.stop()
        if self._autosaves:
            self._autosave.close()
            self._settings.close(window_geometry)
        self.actions.models.library.stop_fetching()
        self.fetching.stop()
        self.background.stop()
        self.disk_recorder.close()
        self.devices.close()
        self.midi.stop()
        self.midi_out.stop()
        self.engine.stop()
        if not self.writer.stop():
            save_in_emergency(self.store)

    def _use_master_gain(self) -> None:
        self.mixer.set_master_gain(self.session.master_gain_db)

    def _on_audio(self, state: AudioState) -> None:
        if state.round_trips and state.round_trips != self.session.round_trips:
            self.session.round_trips = state.round_trips
            if self._autosaves:
                self._settings.save()
        self.session.set_audio(state)
        self.loader.follow_rate()

    def _on_midi(self, state: MidiState) -> None:
        """Release the held notes of ports that were unplugged. MIDI thread."""
        self.actions.midi.router.release_missing_ports(state.ports)
        self._post(lambda: self.session.set_midi(state))

    def _on_answer(self, answer: Answer) -> None:
        if isinstance(answer, SwitchAnswer):
            self.actions.models.on_answer(answer)
        else:
            self.actions.generate.on_answer(answer)

    @property
    def window_geometry(self) -> str:
        """The window's geometry of the last session; "" when there was none."""
        return self._read.settings.window_geometry
