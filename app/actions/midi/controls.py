"""ControlActions: does what controls ask for, with soft takeover. Main thread only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.actions.midi.aftertouch import AftertouchBends
from app.actions.midi.knobs import make_knobs
from app.actions.midi.learn_control import ControlLearner
from app.actions.midi.learn_pads import PadLearner
from app.actions.pads.choose_take import ChooseTake
from app.actions.pads.generate import Generate
from app.actions.pads.pad_settings import PadSettings
from app.actions.recording.record import Record
from app.midi.messages.controller_map import Binding
from app.midi.messages.message import CHANNEL_PRESSURE
from app.midi.messages.takeover import Takeover
from app.midi.router import CapturedControl, ControllerReset, MidiAction, TargetAction
from app.model.kit import PADS
from app.model.session import Session


class Wishes(Protocol):
    """What answering needs of app.midi.router.PadRouter."""

    last_pad: int | None

    def take_actions(self) -> tuple[MidiAction, ...]:
        """Return what was asked since the last call, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class PadActions:
    """The actions a controller reaches."""

    generate: Generate
    record: Record
    takes: ChooseTake
    pad_settings: PadSettings
    open_kit: Callable[[Path], object]
    tap_tempo: Callable[[], object]
    start_bar: Callable[[], object]
    toggle_performance: Callable[[], object]
    """Write all that is played to a file, or end that."""


class ControlActions:
    """Answers the wishes of the MIDI thread."""

    def __init__(
        self,
        session: Session,
        router: Wishes,
        playing: PadActions,
        learn_control: ControlLearner,
        learn_pads: PadLearner,
    ) -> None:
        self._session = session
        self._router = router
        self._playing = playing
        self._learn_control = learn_control
        self._learn_pads = learn_pads
        self._takeovers: dict[Binding, Takeover] = {}
        self._pressures = AftertouchBends()
        self._presses = self._make_presses()
        self._knobs = make_knobs(session, playing.pad_settings)
        session.selection_changed.connect(self._forget_last_pad)

    def answer(self) -> None:
        """Do everything that was asked since the last call."""
        for wish in self._router.take_actions():
            match wish:
                case TargetAction():
                    wish.event.outcome = self._do(wish)
                case CapturedControl():
                    self._learn_control.caught(wish)
                    if wish.note is not None:
                        self._learn_pads.caught(wish.note)
                case ControllerReset():
                    self._takeovers.clear()
                    self._pressures.let_go()
                    self._playing.record.release()

    def _forget_last_pad(self) -> None:
        self._router.last_pad = None

    def _do(self, asked: TargetAction) -> str:
        target, pad = asked.binding.target, asked.pad
        if target.for_pad and pad is not None and target.name != "hit":
            self._session.select(pad)
        if target.kind == "value":
            return self._turn(asked)
        if target.kind == "hold":
            return self._hold(asked.value > 0.0)
        if target.name == "kit":
            self._playing.open_kit(Path(asked.binding.kit).expanduser())
            return f"opening the kit {asked.binding.kit}"
        worked = self._presses[target.name]()
        where = f", pad {self._session.selected + 1}" if target.for_pad else ""
        return f"{target.title}{where}" + ("" if worked is not False else ": not now")

    # --- presses ---

    def _make_presses(self) -> dict[str, Callable[[], object]]:
        playing = self._playing
        return {
            "generate": playing.generate.generate,
            "again": playing.generate.again,
            "vary": playing.generate.vary,
            "cancel": playing.generate.cancel,
            "record_toggle": playing.record.toggle,
            "previous_take": playing.takes.undo,
            "next_take": playing.takes.redo,
            "lock": self._lock,
            "select": lambda: True,
            "previous_pad": lambda: self._step(-1),
            "next_pad": lambda: self._step(1),
            "tap": playing.tap_tempo,
            "metronome": self._switch_metronome,
            "beat_1": playing.start_bar,
            "keep_seed": self._keep_seed,
            "play_back": self._switch_play_back,
            "count_in": self._switch_count_in,
            "resample": self._switch_resampling,
            "perform": playing.toggle_performance,
            "sixteen_notes": self._switch_sixteen_notes,
            "full_level": self._switch_full_level,
            "reverse": self._reverse,
        }

    def _hold(self, down: bool) -> str:
        if down:
            self._playing.record.press()
            return "recording" if self._session.recording else "recording: not now"
        self._playing.record.release()
        return "recording ended"

    def _switch_metronome(self) -> None:
        self._session.metronome = not self._session.metronome

    def _switch_play_back(self) -> None:
        self._session.hear_recordings = not self._session.hear_recordings

    def _switch_count_in(self) -> None:
        self._session.count_in = not self._session.count_in

    def _switch_resampling(self) -> None:
        resamples = self._session.record_from == "played"
        self._session.record_from = "input" if resamples else "played"

    def _switch_sixteen_notes(self) -> None:
        self._session.sixteen_notes = not self._session.sixteen_notes

    def _switch_full_level(self) -> None:
        self._session.full_level = not self._session.full_level

    def _reverse(self) -> None:
        pad = self._session.selected_pad
        self._playing.pad_settings.change(pad.index, reverse=not pad.parameters.reverse)

    def _lock(self) -> None:
        pad = self._session.selected_pad
        self._playing.pad_settings.set_locked(pad.index, not pad.locked)

    def _step(self, by: int) -> None:
        self._session.select((self._session.selected + by) % PADS)

    def _keep_seed(self) -> bool:
        """Keep the seed of the selected pad's sound, or draw new ones again."""
        session, take = self._session, self._session.selected_pad.takes.current
        kept = session.seed is not None
        seed = take.recipe.seed if take is not None and take.recipe is not None else None
        session.seed = None if kept else seed
        return kept or seed is not None

    # --- values ---

    def _turn(self, asked: TargetAction) -> str:
        binding, pad = asked.binding, self._session.selected
        whole = self._knobs[binding.target.name]
        if binding.source.kind == CHANNEL_PRESSURE and binding.least is None:
            self._pressures.press(binding, whole, pad, asked.value)
            return whole.format_line(pad)
        knob = whole.between(binding.least, binding.most)
        if knob.scale.last == knob.scale.first:
            return "nothing: least is most"
        takeover = self._takeovers.setdefault(binding, Takeover())
        if binding.takeover and not takeover.follow(asked.value, knob.place(pad), asked.sweep):
            return f"waits until it passes {knob.format_value(pad)}"
        knob.turn(pad, asked.value)
        takeover.put(knob.place(pad))
        return knob.format_line(pad)
