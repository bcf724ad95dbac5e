"""BeatControl: sets the mixer's clock and metronome from the session and an external MIDI clock.

The clock has the session's tempo; a running MIDI clock also sets its beats. Main thread.
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
"""Delay of a count-in that may begin now, so that its first click is still in the future."""


class Timing(Protocol):
    """The part of the mixer that BeatControl needs."""

    at_once: bool
    """Whether hits start with the next block: up to a block sooner, with more jitter."""

    @property
    def clock(self) -> Clock:
        """Tempo, beats and bars."""
        ...

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        ...

    @property
    def frame(self) -> int:
        """The next block's first frame."""
        ...

    @property
    def pads(self) -> int:
        """Number of pads."""
        ...

    def playing(self, pad: int) -> float | None:
        """Return the position of a pad's newest voice in seconds; None when it is silent."""
        ...

    def count_in(self, start: float, end: float, gain_db: float) -> None:
        """Click on the beats from `start` to before `end`, with or without the metronome."""
        ...

    def set_metronome(self, gain_db: float | None) -> None:
        """Click on every beat; None turns the metronome off."""
        ...

    def set_note_repeat(self, beats: float) -> None:
        """Hit held pads again on every multiple of so many beats; 0 is off."""
        ...


class BeatControl:
    """Applies the session's tempo, metronome and timing to the mixer."""

    def __init__(
        self,
        session: Session,
        mixer: Timing,
        read_leader: Callable[[], Timeline | None] = lambda: None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`read_leader` returns the external clock's timeline; None or stopped: there is none."""
        self._session = session
        self._mixer = mixer
        self._now = now
        self._read_leader = read_leader
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
        """Start a bar now."""
        if self._is_led():
            self._session.notify("The beat follows a MIDI clock; start it there.")
        else:
            self._mixer.clock.start()

    def tick(self) -> None:
        """Synchronise to the external clock; to be called a few times a second."""
        leader = self._read_leader()
        if leader is not None and leader.running:
            now_s = self._now()
            # Sound rendered now is audible later: take the leader's beat at that time.
            audible_s = now_s + self._session.hit_latency_s
            self._mixer.clock.follow(leader.beat_at(audible_s), now_s, leader.bpm)

    # --- recordings ---

    @property
    def frames_per_beat(self) -> float:
        """Length of a beat in frames of the mixer."""
        return self._mixer.clock.frames_per_beat

    def next_frame(self, quantum: Quantum) -> int | None:
        """Return the mixer's frame of the next beat, bar or fourth bar; None for "now"."""
        return self._mixer.clock.next_frame(quantum)

    def frame_of(self, beat: float) -> int:
        """Return the mixer's frame of a beat, at the current tempo."""
        return self._mixer.clock.frame_of(beat)

    def beats_to(self, beat: float) -> float:
        """Return the number of beats until a beat; negative when it has passed."""
        return beat - self._mixer.clock.position(self._mixer.frame)

    def start_beat(self, quantum: Quantum, *, count_in: bool) -> float | None:
        """Return the beat on which a quantised recording starts; None: at once.

        A beat and not a frame, so that it stays on the beat when the tempo changes. `count_in`
        schedules four clicks before it; "now" then means the next bar. While nothing plays and
        there is no external clock, the clicks start at once and the beats are moved to them.
        """
        mixer, clock = self._mixer, self._mixer.clock
        if not count_in:
            return clock.next_beat(quantum)
        start = clock.next_beat("bar" if quantum == "now" else quantum, COUNT_IN_BEATS)
        assert start is not None
        playing = any(mixer.playing(pad) is not None for pad in range(mixer.pads))
        if not (playing or self._is_led()):
            start = 0.0
            count_in_frames = COUNT_IN_BEATS * clock.frames_per_beat
            clock.start(mixer.frame + round(SOON_S * mixer.rate + count_in_frames))
        mixer.count_in(start - COUNT_IN_BEATS, start, METRONOME_DB)
        return start

    def _is_led(self) -> bool:
        leader = self._read_leader()
        return leader is not None and leader.running
