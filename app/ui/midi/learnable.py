"""The window's controls that MIDI can learn, by their targets. Main thread."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QWidget

from app.model.parameters import PAD_NUMBERS
from app.ui.pads.panel import PadPanel
from app.ui.prompt.panel import PromptPanel
from app.ui.recording.panel import RecordPanel
from app.ui.window.kit_bar import KitBar


def list_learnable(
    kit_bar: KitBar, prompt: PromptPanel, record: RecordPanel, pad: PadPanel
) -> Iterator[tuple[QWidget, str]]:
    """Yield each control with the name of its target (app.midi.messages.targets)."""
    yield from (
        (prompt.generate, "generate"),
        (prompt.again, "again"),
        (prompt.vary, "vary"),
        (prompt.length, "length"),
        (prompt.tempo, "tempo"),
        (prompt.tap, "tap"),
        (prompt.strength, "strength"),
        (prompt.steps, "steps"),
        (prompt.keep_seed, "keep_seed"),
        (pad.lock, "lock"),
        (pad.mode, "play_mode"),
        (pad.gain, "pad_level"),
        (pad.choke, "choke_group"),
        (pad.shape.reverse, "reverse"),
        (pad.shape.loop, "loop_bars"),
        (pad.tone.layers, "layers"),
        (pad.takes.undo, "previous_take"),
        (pad.takes.redo, "next_take"),
        (record.button, "record"),
        (record.latch, "record_toggle"),
        (record.hear, "play_back"),
        (kit_bar.full_level, "full_level"),
        (kit_bar.silence, "stop"),
        (kit_bar.open_button, "kit"),
        (kit_bar.perform, "perform"),
        (kit_bar.master, "master_gain"),
        (kit_bar.beat.metronome, "metronome"),
        (kit_bar.beat.start, "beat_1"),
        (kit_bar.beat.swap, "swap_at"),
        (kit_bar.beat.repeat, "note_repeat"),
        (kit_bar.beat.notes, "sixteen_notes"),
    )
    for page in (pad.shape, pad.tone):
        for field, slider in page.sliders.items():
            yield slider, PAD_NUMBERS[field].target
