"""ControlActions: runs the router's actions, with soft takeover. Main thread only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
from app.midi.router import CapturedControl, ControllerReset, PadRouter, TargetAction
from app.model.kit import PADS
from app.model.session import Session


@dataclass(frozen=True, slots=True)
class PadActions:
    """The actions that a controller can trigger."""

    generate: Generate
    record: Record
    takes: ChooseTake
    pad_settings: PadSettings
    open_kit: Callable[[Path], object]
    tap_tempo: Callable[[], object]
    start_bar: Callable[[], object]
    toggle_performance: Callable[[], object]
    """Start or stop recording the master output to a file."""


class ControlActions:
    """Runs the actions that the MIDI thread has queued."""

    def __init__(
        self,
        session: Session,
        router: PadRouter,
        actions: PadActions,
        control_learner: ControlLearner,
        pad_learner: PadLearner,
    ) -> None:
        self._session = session
        self._router = router
        self._actions = actions
        self._control_learner = control_learner
        self._pad_learner = pad_learner
        self._takeovers: dict[Binding, Takeover] = {}
        self._bends = AftertouchBends()
        self._presses = self._make_presses()
        self._knobs = make_knobs(session, actions.pad_settings)
        session.selection_changed.connect(self._forget_last_pad)

    def run_pending(self) -> None:
        """Run everything queued since the last call."""
        for action in self._router.take_actions():
            match action:
                case TargetAction():
                    action.event.outcome = self._run(action)
                case CapturedControl():
                    self._control_learner.assign(action)
                    if action.note is not None:
                        self._pad_learner.add_note(action.note)
                case ControllerReset():
                    self._takeovers.clear()
                    self._bends.release_all()
                    self._actions.record.release()

    def _forget_last_pad(self) -> None:
        self._router.last_pad = None

    def _run(self, action: TargetAction) -> str:
        target, pad = action.binding.target, action.pad
        if target.for_pad and pad is not None and target.name != "hit":
            self._session.select(pad)
        if target.kind == "value":
            return self._turn(action)
        if target.kind == "hold":
            return self._hold(action.value > 0.0)
        if target.name == "kit":
            self._actions.open_kit(Path(action.binding.kit).expanduser())
            return f"opening the kit {action.binding.kit}"
        worked = self._presses[target.name]()
        where = f", pad {self._session.selected + 1}" if target.for_pad else ""
        return f"{target.title}{where}" + ("" if worked is not False else ": not now")

    # --- presses ---

    def _make_presses(self) -> dict[str, Callable[[], object]]:
        actions = self._actions
        return {
            "generate": actions.generate.generate,
            "again": actions.generate.again,
            "vary": actions.generate.vary,
            "cancel": actions.generate.cancel,
            "record_toggle": actions.record.toggle,
            "previous_take": actions.takes.undo,
            "next_take": actions.takes.redo,
            "lock": self._lock,
            "select": lambda: True,
            "previous_pad": lambda: self._step(-1),
            "next_pad": lambda: self._step(1),
            "tap": actions.tap_tempo,
            "metronome": self._switch_metronome,
            "beat_1": actions.start_bar,
            "keep_seed": self._keep_seed,
            "play_back": self._switch_play_back,
            "count_in": self._switch_count_in,
            "resample": self._switch_resampling,
            "perform": actions.toggle_performance,
            "sixteen_notes": self._switch_sixteen_notes,
            "full_level": self._switch_full_level,
            "reverse": self._reverse,
        }

    def _hold(self, down: bool) -> str:
        if down:
            self._actions.record.press()
            return "recording" if self._session.recording else "recording: not now"
        self._actions.record.release()
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
        self._actions.pad_settings.change(pad.index, reverse=not pad.parameters.reverse)

    def _lock(self) -> None:
        pad = self._session.selected_pad
        self._actions.pad_settings.set_locked(pad.index, not pad.locked)

    def _step(self, by: int) -> None:
        self._session.select((self._session.selected + by) % PADS)

    def _keep_seed(self) -> bool:
        """Keep the seed of the selected pad's sound, or stop keeping it."""
        session, take = self._session, self._session.selected_pad.takes.current
        was_kept = session.seed is not None
        seed = take.recipe.seed if take is not None and take.recipe is not None else None
        session.seed = None if was_kept else seed
        return was_kept or seed is not None

    # --- values ---

    def _turn(self, action: TargetAction) -> str:
        binding, pad = action.binding, self._session.selected
        full = self._knobs[binding.target.name]
        if binding.source.kind == CHANNEL_PRESSURE and binding.least is None:
            self._bends.press(binding, full, pad, action.value)
            return full.format_line(pad)
        knob = full.between(binding.least, binding.most)
        if knob.scale.last == knob.scale.first:
            return "Ignored: minimum equals maximum"
        takeover = self._takeovers.setdefault(binding, Takeover())
        if binding.takeover and not takeover.follow(action.value, knob.position(pad), action.sweep):
            return f"waits until it passes {knob.format_value(pad)}"
        knob.turn(pad, action.value)
        takeover.put(knob.position(pad))
        return knob.format_line(pad)
