"""Actions: everything a player can do, as the window gets it. Main thread only."""

from __future__ import annotations

from dataclasses import dataclass

from app.actions.beat import BeatControl
from app.actions.choose_device import ChooseDevice
from app.actions.choose_model import ChooseModel
from app.actions.choose_take import ChooseTake
from app.actions.drag_out import DragOut
from app.actions.generate import Generate
from app.actions.hits import Hits
from app.actions.kit_file import KitFile
from app.actions.midi import Midi
from app.actions.pad_settings import PadSettings
from app.actions.perform import Perform
from app.actions.record import Record
from app.actions.transfer import Transfer


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
    midi: Midi
    beat: BeatControl
