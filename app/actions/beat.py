"""Beat: the mixer's clock and metronome do what the session and a followed clock say. Main thread.

A session's tempo is the clock's; a running MIDI clock moves its beats too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from app.audio.mixer.clock import BEATS_PER_BAR, Clock, Quantum
from app.midi.clock.timeline import Timeline
from app.model.session import Session

METRONOME_DB = -12.0
COUNT_IN_BEATS = BEATS_PER_BAR
SOON_S = 0.05
"""A count-in that may begin now begins this much later: with its first click still to come."""


class Timing(Protocol):
    """What the beat needs of the mixer."""

    at_once: bool
    """Whether hits sound as soon as they can, with less delay and less evenly."""

    @property
    def clock(self) -> Clock:
        """Tempo, beats and bars."""
        ...

    @property
    def rate(self) -> int:
        """Frames a second."""
        ...

    @property
    def frame(self) -> int:
        """The next block's first frame."""
        ...

    @property
    def pads(self) -> int:
        """How many there are."""
        ...

    def playing(self, pad: int) -> float | None:
        """Return where a pad's newest voice is; None when it is silent."""
        ...

    def count_in(self, start: float, end: float, gain_db: float) -> None:
        """Click on the beats from `start` to before `end`, metronome or not."""
        ...

    def set_metronome(self, gain_db: float | None) -> None:
        """Click on every beat; None ends it."""
        ...

    def set_note_repeat(self, beats: float) -> None:
        """Hit held pads again on every multiple of so many beats; 0 ends it."""
        ...


class BeatControl:
    """Keeps the mixer as the session says."""

    def __init__(
        self,
        session: Session,
        mixer: Timing,
        followed: Callable[[], Timeline | None] = lambda: None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`followed` gives the beats of the clock that leads; None or standing: none does."""
        self._session = session
        self._mixer = mixer
        self._now = now
        self._followed = followed
        session.settings_changed.connect(self.use_settings)
        self.use_settings()

    def use_settings(self) -> None:
        """Take tempo, metronome and timing from the session."""
        session, mixer = self._session, self._mixer
        if session.bpm != mixer.clock.bpm and not self._is_led():
            mixer.clock.set_tempo(session.bpm)
        mixer.set_metronome(METRONOME_DB if session.metronome else None)
        mixer.at_once = session.play_at_once
        mixer.set_note_repeat(session.note_repeat)

    def start_bar(self) -> None:
        """Let a bar begin now."""
        if self._is_led():
            self._session.notify("The beat follows a MIDI clock; start it there.")
        else:
            self._mixer.clock.start()

    def tick(self) -> None:
        """Be heard where the clock that leads is; to be called a few times a second."""
        line = self._followed()
        if line is not None and line.running:
            now_s = self._now()
            # What is played now is heard later: it is of the beat that the other box is at then.
            heard_s = now_s + self._session.hit_latency_s
            self._mixer.clock.follow(line.beat_at(heard_s), now_s, line.bpm)

    # --- recordings ---

    @property
    def frames_per_beat(self) -> float:
        """A beat's length in the mixer's frames."""
        return self._mixer.clock.frames_per_beat

    def next_frame(self, quantum: Quantum) -> int | None:
        """Return the mixer's frame of the next beat, bar or fourth bar; None for "now"."""
        return self._mixer.clock.next_frame(quantum)

    def frame_of(self, beat: float) -> int:
        """Return the mixer's frame of a beat, at the tempo as it is now."""
        return self._mixer.clock.frame_of(beat)

    def beats_to(self, beat: float) -> float:
        """Return how many beats it is to a beat; negative when it has passed."""
        return beat - self._mixer.clock.position(self._mixer.frame)

    def start_beat(self, quantum: Quantum, *, count_in: bool) -> float | None:
        """Return the beat on which what waits for a beat or bar begins; None: at once.

        It is a beat and no frame, so that it stays one when the tempo changes meanwhile.
        With `count_in` four clicks come before it, to a bar when there is nothing to wait for.
        While nothing plays and no clock leads they come at once, and the beats start with them.
        """
        mixer, clock = self._mixer, self._mixer.clock
        if not count_in:
            return clock.next_beat(quantum)
        start = clock.next_beat("bar" if quantum == "now" else quantum, COUNT_IN_BEATS)
        assert start is not None
        playing = any(mixer.playing(pad) is not None for pad in range(mixer.pads))
        if not (playing or self._is_led()):
            start = 0.0
            counted = COUNT_IN_BEATS * clock.frames_per_beat
            clock.start(mixer.frame + round(SOON_S * mixer.rate + counted))
        mixer.count_in(start - COUNT_IN_BEATS, start, METRONOME_DB)
        return start

    def _is_led(self) -> bool:
        line = self._followed()
        return line is not None and line.running
