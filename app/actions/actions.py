"""Actions: all actions of the player, as the window receives them. Main thread only."""

from __future__ import annotations

from dataclasses import dataclass

from app.actions.beat import BeatControl
from app.actions.files.drag_out import DragOut
from app.actions.files.import_file import ImportFile
from app.actions.files.kit_file import KitFile
from app.actions.midi.build import MidiActions
from app.actions.pads.choose_take import ChooseTake
from app.actions.pads.generate import Generate
from app.actions.pads.pad_settings import PadSettings
from app.actions.pads.pad_trigger import PadTrigger
from app.actions.recording.master_recording import MasterRecording
from app.actions.recording.record import Record
from app.actions.setup.choose_device import ChooseDevice
from app.actions.setup.choose_model import ChooseModel
from app.actions.tap_tempo import TapTempo


@dataclass(frozen=True, slots=True)
class Actions:
    """One object for each kind of action."""

    pad_trigger: PadTrigger
    generate: Generate
    record: Record
    master_recording: MasterRecording
    import_file: ImportFile
    drag_out: DragOut
    kit_file: KitFile
    takes: ChooseTake
    pad_settings: PadSettings
    devices: ChooseDevice
    models: ChooseModel
    midi: MidiActions
    beat: BeatControl
    tempo: TapTempo
