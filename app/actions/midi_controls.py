"""MidiControls: does what controls ask for, with soft takeover. Main thread only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.actions.choose_take import ChooseTake
from app.actions.generate import Generate
from app.actions.learn_midi import LearnMidi
from app.actions.learn_pads import LearnPads
from app.actions.pad_settings import PadSettings
from app.actions.record import Record
from app.audio.voicing import LEAST_GAIN_DB, MOST_CHOKE_GROUP, MOST_GAIN_DB, PAD_MODES
from app.midi.controller_map import Binding
from app.midi.router import Asked, Caught, Reset, Wish
from app.midi.takeover import Takeover
from app.model.kit import PADS
from app.model.session import Session
from engine.api import LEAST_STRENGTH, LONGEST_S, MOST_STRENGTH, SHORTEST_S

STEPS = (1, 2, 4, 8)
KNOB_TEMPO = (60.0, 200.0)
"""A knob has 127 steps: over the whole 20..999 bpm each would be a jump of 8 bpm."""
MOST_BARS = 8


class Wishes(Protocol):
    """What answering needs of app.midi.router.PadRouter."""

    last_pad: int | None

    def take_wishes(self) -> tuple[Wish, ...]:
        """Return what was asked since the last call, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Playing:
    """The actions a controller reaches."""

    generate: Generate
    record: Record
    takes: ChooseTake
    pad_settings: PadSettings


@dataclass(frozen=True, slots=True)
class Knob:
    """A value that a knob moves from `least` to `most`, in its own unit."""

    least: float
    most: float
    get: Callable[[int], float]
    """Of the pad 0..15, where the value is one pad's."""
    set: Callable[[int, float], object]
    spoken: Callable[[float], str]


class MidiControls:
    """Answers the wishes of the MIDI thread."""

    def __init__(
        self,
        session: Session,
        router: Wishes,
        playing: Playing,
        learn_control: LearnMidi,
        learn_pads: LearnPads,
    ) -> None:
        self._session = session
        self._router = router
        self._playing = playing
        self._learn_control = learn_control
        self._learn_pads = learn_pads
        self._takeovers: dict[Binding, Takeover] = {}
        self.on_tap: Callable[[], object] = lambda: None
        """Counts a tap of the tempo; the window's tap button is one too."""
        self._presses = self._make_presses()
        self._knobs = self._make_knobs()
        session.selection_changed.connect(self._forget_last_pad)

    def answer(self) -> None:
        """Do everything that was asked since the last call."""
        for wish in self._router.take_wishes():
            match wish:
                case Asked():
                    wish.heard.did = self._do(wish)
                case Caught():
                    self._learn_control.caught(wish)
                    if wish.note is not None:
                        self._learn_pads.caught(wish.note)
                case Reset():
                    self._takeovers.clear()
                    self._playing.record.release()

    def _forget_last_pad(self) -> None:
        self._router.last_pad = None

    def _do(self, asked: Asked) -> str:
        target, pad = asked.binding.target, asked.pad
        if target.for_pad and pad is not None and target.name != "hit":
            self._session.select(pad)
        if target.kind == "value":
            return self._turn(asked)
        if target.kind == "hold":
            return self._hold(asked.value > 0.0)
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
            "tap": self._tap,
            "keep_seed": self._keep_seed,
        }

    def _hold(self, down: bool) -> str:
        if down:
            self._playing.record.press()
            return "recording" if self._session.recording else "recording: not now"
        self._playing.record.release()
        return "recording ended"

    def _tap(self) -> None:
        self.on_tap()

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

    def _make_knobs(self) -> dict[str, Knob]:
        session, change = self._session, self._playing.pad_settings.change
        pads = session.kit.pads
        modes = len(PAD_MODES) - 1

        return {
            "strength": Knob(
                LEAST_STRENGTH,
                MOST_STRENGTH,
                lambda _pad: session.strength,
                lambda _pad, value: setattr(session, "strength", round(value, 2)),
                lambda value: f"strength {value:.2f}",
            ),
            "steps": Knob(
                0,
                len(STEPS) - 1,
                lambda _pad: STEPS.index(session.steps) if session.steps in STEPS else 0,
                lambda _pad, value: setattr(session, "steps", STEPS[round(value)]),
                lambda value: f"{STEPS[round(value)]} steps",
            ),
            "length": self._length_knob(),
            "tempo": Knob(
                *KNOB_TEMPO,
                lambda _pad: session.bpm,
                lambda _pad, value: setattr(session, "bpm", float(round(value))),
                lambda value: f"{value:.0f} bpm",
            ),
            "pad_level": Knob(
                LEAST_GAIN_DB,
                MOST_GAIN_DB,
                lambda pad: pads[pad].voicing.gain_db,
                lambda pad, value: change(pad, gain_db=value),
                lambda value: f"level {value:+.1f} dB",
            ),
            "play_mode": Knob(
                0,
                modes,
                lambda pad: PAD_MODES.index(pads[pad].voicing.mode),
                lambda pad, value: change(pad, mode=PAD_MODES[round(value)]),
                lambda value: PAD_MODES[round(value)].replace("_", " "),
            ),
            "choke_group": Knob(
                0,
                MOST_CHOKE_GROUP,
                lambda pad: pads[pad].voicing.choke_group,
                lambda pad, value: change(pad, choke_group=round(value)),
                lambda value: f"choke group {round(value)}",
            ),
        }

    def _length_knob(self) -> Knob:
        session = self._session

        def share() -> float:
            if session.length_unit == "bars":
                return (session.bars - 1) / (MOST_BARS - 1)
            return (session.seconds - SHORTEST_S) / (LONGEST_S - SHORTEST_S)

        def set_share(_pad: int, value: float) -> None:
            if session.length_unit == "bars":
                session.bars = 1 + round(value * (MOST_BARS - 1))
            else:
                session.seconds = round(SHORTEST_S + value * (LONGEST_S - SHORTEST_S), 2)

        def spoken(value: float) -> str:
            unit = "bars" if session.length_unit == "bars" else "s"
            return f"length {session.bars if unit == 'bars' else session.seconds:g} {unit}"

        return Knob(0.0, 1.0, lambda _pad: share(), set_share, spoken)

    def _turn(self, asked: Asked) -> str:
        binding = asked.binding
        knob, pad = self._knobs[binding.target.name], self._session.selected
        least, most = _ends(binding, knob)
        if most == least:
            return "nothing: least is most"
        takeover = self._takeovers.setdefault(binding, Takeover())
        place = _place(knob.get(pad), least, most)
        if binding.takeover and not takeover.follow(asked.value, place):
            return f"waits until it passes {knob.spoken(knob.get(pad))}"
        value = least + asked.value * (most - least)
        knob.set(pad, value)
        takeover.put(_place(knob.get(pad), least, most))
        return knob.spoken(value)


def _place(value: float, least: float, most: float) -> float:
    """Return where a knob would stand for a value, 0..1."""
    return min(max((value - least) / (most - least), 0.0), 1.0)


def _ends(binding: Binding, knob: Knob) -> tuple[float, float]:
    """Return what the knob's two ends stand for: as the map says, within what is possible."""
    ends = (
        knob.least if binding.least is None else binding.least,
        knob.most if binding.most is None else binding.most,
    )
    least, most = (min(max(end, knob.least), knob.most) for end in ends)
    return least, most
