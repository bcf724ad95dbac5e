"""Record: what comes in, or what is played, lands on the selected pad. Main thread only.

Held or toggled; at once, at a sound, or on a beat; as long as wished, or for some bars. The buffers
are always written, so that nothing here has to be in time: their frames are chosen afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

from app.actions.pads.generate import Generate, Source
from app.actions.pads.pad_settings import PadSettings
from app.actions.recording.keep_takes import KeepTakes
from app.audio.mixer.clock import BEATS_PER_BAR, QUANTUM_BEATS, Quantum
from app.audio.mixer.pad_parameters import LOOP_BARS
from app.audio.recording.recorder import KEPT_BEFORE_S, PRE_ROLL_S, trim
from app.model.kit import Pad
from app.model.parameters import RecordStart
from app.model.session import Session
from app.model.takes import Take, new_take_id
from engine.api import LONGEST_S, SHORTEST_S
from engine.clip import Clip

SILENCE = 10 ** (-60 / 20)
"""A recording that never passes -60 dBFS holds nothing a player meant."""
PLAYED_QUIET = 10 ** (-80 / 20)
"""What is played has no noise: its tails are kept longer than those of a microphone."""

State = Literal["resting", "sound", "beat", "recording"]
"""Nothing; waiting for a sound; waiting for a beat; recording."""


class TakeRecorder(Protocol):
    """What recording needs of a TakeRecorder; frames are those of its buffer."""

    @property
    def rate(self) -> int:
        """Frames a second."""
        ...

    @property
    def position(self) -> int:
        """The next frame."""
        ...

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        ...

    @property
    def full(self) -> bool:
        """The take has reached its longest."""
        ...

    @property
    def cut(self) -> bool:
        """The take was interrupted."""
        ...

    def start(self, at: int | None = None) -> None:
        """Begin a take at a frame; None: 200 ms ago."""
        ...

    def stop(self, end: int | None = None) -> Clip | None:
        """End it before a frame, or now, and return it; None when nothing came."""
        ...

    def find_loud(self, since: int, threshold: float) -> int | None:
        """Return the first frame from `since` on above a linear threshold."""
        ...


class InputRecorder(TakeRecorder, Protocol):
    """What recording needs of app.audio.recording.recorder.InputRecorder besides."""

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame that comes in at a moment (time.perf_counter)."""
        ...


class Frames(Protocol):
    """What recording needs of the mixer."""

    @property
    def rate(self) -> int:
        """Frames a second."""
        ...

    @property
    def frame(self) -> int:
        """The next block's first frame."""
        ...

    @property
    def latency_frames(self) -> int:
        """Frames from a frame of the mixer's clock to its sound in the capture buffer."""
        ...

    def moment_of_frame(self, frame: int) -> float | None:
        """Return when (time.perf_counter) the callback comes to a frame."""
        ...

    def end_count_in(self) -> None:
        """Click no longer."""
        ...


class Beats(Protocol):
    """What recording needs of app.actions.beat.BeatControl."""

    @property
    def frames_per_beat(self) -> float:
        """A beat's length in the mixer's frames."""
        ...

    def start_beat(self, quantum: Quantum, *, count_in: bool) -> float | None:
        """Return the beat on which what waits for one begins; None: at once."""
        ...

    def frame_of(self, beat: float) -> int:
        """Return the mixer's frame of a beat, at the tempo as it is now."""
        ...

    def beats_to(self, beat: float) -> float:
        """Return how many beats it is to a beat; negative when it has passed."""
        ...

    def next_frame(self, quantum: Quantum) -> int | None:
        """Return the mixer's frame of the next beat or bar; None for "now"."""
        ...


@dataclass(frozen=True, slots=True)
class RecordingSources:
    """Where recordings come from, and the time they keep."""

    input: InputRecorder
    played: TakeRecorder
    mixer: Frames
    beats: Beats


@dataclass(slots=True, eq=False)
class _Going:
    """A recording from the press to its end.

    What waits for a beat waits for the beat itself, whatever the tempo does meanwhile; bars last
    as long as they did when it began.
    """

    pad: Pad
    recorder: TakeRecorder
    state: State
    of_input: bool
    quantum: Quantum
    start: float | None = None
    """The beat on which it begins; None: at once, or at a sound."""
    farthest: float = 0.0
    """Beats to the start when it was asked for: no later moment has more of them."""
    beats: float | None = None
    """How many it lasts; None: until it is ended by hand."""
    began: int = 0
    """The mixer's frame on which it began."""
    length: int | None = None
    """Frames of the mixer that it lasts; None: not known yet."""
    in_bars: bool = False
    """Its length was chosen beforehand."""
    armed: int = 0
    """Frame of the buffer from which a sound is awaited."""
    first: int = 0
    """Frame of the buffer with which the take begins."""


class Record:
    """Press and release for a button that is held, toggle for one that is tapped."""

    def __init__(
        self,
        session: Session,
        decks: RecordingSources,
        keep: KeepTakes,
        generate: Generate,
        pad_settings: PadSettings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._decks = decks
        self._keep = keep
        self._generate = generate
        self._pad_settings = pad_settings
        self._now = now
        self._going: _Going | None = None

    # --- what the player does ---

    def press(self) -> None:
        """Begin recording for the selected pad, or wait as the session says.

        A second press ends what has a length of its own; nothing happens to what is held.
        """
        if self._going is not None:
            if self._going.in_bars:
                self.toggle()
            return
        session, pad = self._session, self._session.selected_pad
        if pad.locked:
            session.notify(f"Pad {pad.index + 1} is locked; unlock it first.", "warning")
        elif session.record_from == "input" and not self._has_input():
            session.notify(
                "There is no input to record from. Plug in a microphone; Pingpad finds it.",
                "warning",
            )
        else:
            self._begin(pad)

    def release(self) -> None:
        """End what is held; on beats it ends with the next one, and bars run to their end."""
        going = self._going
        if going is None or going.in_bars:
            return
        if going.start is not None and going.quantum != "now":
            self._end_on_beat(going)
        else:
            self._finish(going, None)

    def toggle(self) -> None:
        """Begin; end what was begun; give up what still waits."""
        going = self._going
        if going is None:
            self.press()
        elif going.state != "recording":
            self._give_up()
        elif going.in_bars:
            self._finish(going, None)
        else:
            self.release()

    # --- as time goes on ---

    def tick(self) -> None:
        """Begin and end what is due; to be called some ten times a second at least."""
        going = self._going
        if going is None:
            return
        if going.recorder.cut or (going.of_input and not self._has_input()):
            self._interrupt(going)
            return
        if going.state == "sound":
            self._look_for_sound(going)
        elif going.state == "beat":
            self._look_for_beat(going)
        if going.state == "recording":
            end = self._end_of(going)
            if going.recorder.full or (end is not None and going.recorder.position >= end):
                self._finish(going, end)

    @property
    def state(self) -> State:
        """What is going on."""
        return self._going.state if self._going is not None else "resting"

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        return self._going.recorder.seconds if self.state == "recording" and self._going else 0.0

    @property
    def beats_to_go(self) -> int:
        """Beats until it begins; 0 when it does not wait for one."""
        going = self._going
        if going is None or going.state != "beat" or going.start is None:
            return 0
        return max(int(np.ceil(self._decks.beats.beats_to(going.start) - 1e-3)), 0)

    # --- beginning ---

    def _has_input(self) -> bool:
        audio = self._session.audio
        return audio is not None and audio.input_name is not None

    def _begin(self, pad: Pad) -> None:
        session, decks = self._session, self._decks
        of_input = session.record_from == "input"
        recorder: TakeRecorder = decks.input if of_input else decks.played
        quantum = _quantum(session.record_start)
        going = self._going = _Going(pad, recorder, "recording", of_input, quantum)
        if session.record_bars:
            going.beats, going.in_bars = float(session.record_bars * BEATS_PER_BAR), True
        if session.record_start == "sound":
            going.state, going.armed = "sound", recorder.position
        else:
            self._ask_for_beat(going)
        if going.state == "recording":
            # What is held has its silence cut off again; what is played has no time to make up for.
            held = of_input and going.beats is None
            before = round(PRE_ROLL_S * recorder.rate) if held else 0
            self._roll(going, recorder.position - before)
        session.set_recording(True)

    def _ask_for_beat(self, going: _Going) -> None:
        beats = self._decks.beats
        going.start = beats.start_beat(going.quantum, count_in=self._session.count_in)
        going.state = "recording" if going.start is None else "beat"
        if going.start is not None:
            going.farthest = beats.beats_to(going.start)

    def _roll(self, going: _Going, first: int, began: int | None = None) -> None:
        decks = self._decks
        going.state, going.first = "recording", first
        going.began = decks.mixer.frame if began is None else began
        if going.beats is not None:
            going.length = round(going.beats * decks.beats.frames_per_beat)
        going.recorder.start(first)

    def _look_for_sound(self, going: _Going) -> None:
        threshold = 10 ** (self._session.record_threshold_db / 20)
        loud = going.recorder.find_loud(going.armed, threshold)
        if loud is not None:
            # Bars begin with the sound itself; what is free is trimmed at its end.
            before_s = KEPT_BEFORE_S if going.beats is not None else PRE_ROLL_S
            self._roll(going, loud - round(before_s * going.recorder.rate))

    def _look_for_beat(self, going: _Going) -> None:
        assert going.start is not None
        beats = self._decks.beats
        if not -BEATS_PER_BAR < beats.beats_to(going.start) < going.farthest + 1.0:
            # The clock that leads jumped to another place of its song.
            self._ask_for_beat(going)
        start = beats.frame_of(going.start)
        if self._decks.mixer.frame >= start:
            first = self._capture_frame(going, start)
            if first is not None:
                self._roll(going, first, start)

    def _capture_frame(self, going: _Going, frame: int) -> int | None:
        """Return the captured frame of what was played to a frame of the mixer's clock."""
        mixer, audio = self._decks.mixer, self._session.audio
        if not going.of_input:
            return frame + mixer.latency_frames
        moment_s = mixer.moment_of_frame(frame)
        if moment_s is None or audio is None:
            return None
        # The player hears the beat that much later, and is heard later still.
        return self._decks.input.frame_at(moment_s + audio.round_trip_ms / 1000.0)

    # --- ending ---

    def _end_on_beat(self, going: _Going) -> None:
        if going.state == "beat":
            going.beats = float(QUANTUM_BEATS[going.quantum])
            return
        following = self._decks.beats.next_frame(going.quantum)
        if following is not None:
            least = round(QUANTUM_BEATS[going.quantum] * self._decks.beats.frames_per_beat)
            going.length = max(following - going.began, least)

    def _end_of(self, going: _Going) -> int | None:
        if going.length is None:
            return None
        return going.first + round(going.length * going.recorder.rate / self._decks.mixer.rate)

    def _give_up(self) -> None:
        self._going = None
        self._decks.mixer.end_count_in()
        self._session.set_recording(False)

    def _interrupt(self, going: _Going) -> None:
        """End what goes no further and keep what it has."""
        text = "The recording was interrupted and ends there."
        if going.state == "recording":
            self._finish(going, None)
        else:
            self._give_up()
            text = "The input went away before the recording began."
        self._session.notify(text, "warning")

    def _finish(self, going: _Going, end: int | None) -> None:
        waited = going.state != "recording"
        clip = None if waited else going.recorder.stop(end)
        self._give_up()
        if clip is None or np.abs(clip.samples).max() < SILENCE:
            self._session.notify(
                "No sound came in. Check that the microphone is on and is the chosen input."
                if going.of_input
                else "The recording is silent.",
                "warning",
            )
            return
        if going.length is None:
            clip = trim(clip) if going.of_input else trim(clip, PLAYED_QUIET)
        self._use(going, clip)

    def _use(self, going: _Going, clip: Clip) -> None:
        pad = going.pad
        self._loop_bars(going, clip)
        name = "recording" if going.of_input else "resampled"
        take = Take(new_take_id(), clip, "recorded", None, self._now(), None, name)
        self._keep.add(pad, take)
        if not (going.of_input and self._session.prompt.strip()) or pad.locked:
            return
        if clip.seconds > LONGEST_S:
            self._session.notify(
                f"The recording lasts {clip.seconds:.1f} s; the sound is made from its first "
                f"{LONGEST_S:g} s."
            )
            clip = Clip(clip.samples[: int(LONGEST_S * clip.rate)].copy(), clip.rate)
        if clip.seconds >= SHORTEST_S:
            self._generate.generate(pad.index, Source(clip, take.id))

    def _loop_bars(self, going: _Going, clip: Clip) -> None:
        """Let the pad of a recording that lasts whole bars go round with them."""
        on_bars = going.in_bars or QUANTUM_BEATS[going.quantum] >= BEATS_PER_BAR
        bar_s = BEATS_PER_BAR * self._decks.beats.frames_per_beat / self._decks.mixer.rate
        bars = round(clip.seconds / bar_s)
        # Ended early, or at another tempo than now: it is as long as it happens to be.
        whole = abs(clip.seconds - bars * bar_s) * clip.rate < 2.0
        pad = going.pad
        if on_bars and whole and 0 < bars in LOOP_BARS and not pad.locked:
            mode = pad.parameters.mode if pad.parameters.loops else "loop"
            self._pad_settings.change(pad.index, mode=mode, loop_bars=bars)


def _quantum(start: RecordStart) -> Quantum:
    return next((quantum for quantum in get_args(Quantum) if quantum == start), "now")
