"""Actions: everything a player can do, as the window gets it. Main thread only."""

from __future__ import annotations

from dataclasses import dataclass

from app.actions.beat import BeatControl
from app.actions.files.drag_out import DragOut
from app.actions.files.kit_file import KitFile
from app.actions.files.transfer import Transfer
from app.actions.midi.build import MidiActions
from app.actions.pads.choose_take import ChooseTake
from app.actions.pads.generate import Generate
from app.actions.pads.hits import Hits
from app.actions.pads.pad_settings import PadSettings
from app.actions.recording.perform import Perform
from app.actions.recording.record import Record
from app.actions.setup.choose_device import ChooseDevice
from app.actions.setup.choose_model import ChooseModel
from app.actions.tap_tempo import TapTempo


@dataclass(frozen=True, slots=True)
class Actions:
    """One object for each thing a player does."""

    hits: Hits
    generate: Generate
    record: Record
    perform: Perform
    transfer: Transfer
    drag_out: DragOut
    kit_file: KitFile
    takes: ChooseTake
    pad_settings: PadSettings
    devices: ChooseDevice
    models: ChooseModel
    midi: MidiActions
    beat: BeatControl
    tempo: TapTempo
