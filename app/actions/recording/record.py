"""Record: records the input or the output onto the selected pad. Main thread only.

The button is held or toggled; a recording starts at once, at a sound or on a beat, and ends with
the button or after some bars. The capture buffers are written all the time, so nothing here is
time-critical: start and end frame are chosen afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from app.actions.pads.generate import Generate, Source
from app.actions.pads.pad_settings import PadSettings
from app.actions.recording.ongoing import Ongoing, State, quantum_of
from app.actions.recording.sources import RecordingSources, TakeRecorder
from app.actions.recording.take_store import TakeStore
from app.audio.mixer.clock import BEATS_PER_BAR, QUANTUM_BEATS
from app.audio.mixer.pad_parameters import LOOP_BARS
from app.audio.recording.recorder import MARGIN_BEFORE_S, PRE_ROLL_S, trim
from app.model.kit import Pad
from app.model.session import Session
from app.model.takes import Take, new_take_id
from engine.api import LONGEST_S, SHORTEST_S
from engine.clip import Clip

SILENCE = 10 ** (-60 / 20)
"""A recording with a peak below -60 dBFS is discarded as silent."""
PLAYED_QUIET = 10 ** (-80 / 20)
"""The output has no noise: its tails are kept longer than those of a microphone."""


class Record:
    """`press` and `release` for a button that is held, `toggle` for one that is tapped."""

    def __init__(
        self,
        session: Session,
        sources: RecordingSources,
        take_store: TakeStore,
        generate: Generate,
        pad_settings: PadSettings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._sources = sources
        self._take_store = take_store
        self._generate = generate
        self._pad_settings = pad_settings
        self._now = now
        self._ongoing: Ongoing | None = None

    # --- the button ---

    def press(self) -> None:
        """Start recording onto the selected pad, or wait for the sound or beat that is set.

        A second press ends a recording of fixed length; while the button is held it does nothing.
        """
        if self._ongoing is not None:
            if self._ongoing.in_bars:
                self.toggle()
            return
        session, pad = self._session, self._session.selected_pad
        if session.refuse_locked(pad):
            return
        if session.record_from == "input" and not self._has_input():
            session.notify(
                "There is no input to record from. Plug in a microphone; Pingpad finds it.",
                "warning",
            )
        else:
            self._begin(pad)

    def release(self) -> None:
        """End a held recording, quantised to the next beat; a fixed length runs to its end."""
        ongoing = self._ongoing
        if ongoing is None or ongoing.in_bars:
            return
        if ongoing.start_beat is not None and ongoing.quantum != "now":
            self._end_on_beat(ongoing)
        else:
            self._finish(ongoing, None)

    def toggle(self) -> None:
        """Start a recording, end the one in progress, or cancel the one that waits."""
        ongoing = self._ongoing
        if ongoing is None:
            self.press()
        elif ongoing.state != "recording":
            self._clear()
        elif ongoing.in_bars:
            self._finish(ongoing, None)
        else:
            self.release()

    # --- progress ---

    def tick(self) -> None:
        """Start and end the recording when due; to be called at least ten times a second."""
        ongoing = self._ongoing
        if ongoing is None:
            return
        if ongoing.recorder.cut or (ongoing.of_input and not self._has_input()):
            self._interrupt(ongoing)
            return
        if ongoing.state == "sound":
            self._poll_sound(ongoing)
        elif ongoing.state == "beat":
            self._poll_beat(ongoing)
        if ongoing.state == "recording":
            end = self._end_frame(ongoing)
            if ongoing.recorder.full or (end is not None and ongoing.recorder.position >= end):
                self._finish(ongoing, end)

    @property
    def state(self) -> State:
        """Whether a recording is in progress, and what it waits for."""
        return self._ongoing.state if self._ongoing is not None else "resting"

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        ongoing = self._ongoing
        return ongoing.recorder.seconds if ongoing and ongoing.state == "recording" else 0.0

    @property
    def beats_to_go(self) -> int:
        """Beats until the recording starts; 0 when it does not wait for a beat."""
        ongoing = self._ongoing
        if ongoing is None or ongoing.state != "beat" or ongoing.start_beat is None:
            return 0
        return max(int(np.ceil(self._sources.beats.beats_to(ongoing.start_beat) - 1e-3)), 0)

    # --- beginning ---

    def _has_input(self) -> bool:
        audio = self._session.audio
        return audio is not None and audio.input_name is not None

    def _begin(self, pad: Pad) -> None:
        session, sources = self._session, self._sources
        of_input = session.record_from == "input"
        recorder: TakeRecorder = sources.input if of_input else sources.played
        quantum = quantum_of(session.record_start)
        ongoing = self._ongoing = Ongoing(pad, recorder, "recording", of_input, quantum)
        if session.record_bars:
            ongoing.length_beats, ongoing.in_bars = float(session.record_bars * BEATS_PER_BAR), True
        if session.record_start == "sound":
            ongoing.state, ongoing.armed_frame = "sound", recorder.position
        else:
            self._schedule_start(ongoing)
        if ongoing.state == "recording":
            # The silence of a pre-roll is trimmed later; the output needs no pre-roll.
            held = of_input and ongoing.length_beats is None
            before = round(PRE_ROLL_S * recorder.rate) if held else 0
            self._start_take(ongoing, recorder.position - before)
        session.set_recording(True)

    def _schedule_start(self, ongoing: Ongoing) -> None:
        beats = self._sources.beats
        ongoing.start_beat = beats.start_beat(ongoing.quantum, count_in=self._session.count_in)
        ongoing.state = "recording" if ongoing.start_beat is None else "beat"
        if ongoing.start_beat is not None:
            ongoing.wait_beats = beats.beats_to(ongoing.start_beat)

    def _start_take(self, ongoing: Ongoing, first: int, began: int | None = None) -> None:
        sources = self._sources
        ongoing.state, ongoing.first_frame = "recording", first
        ongoing.start_frame = sources.mixer.frame if began is None else began
        if ongoing.length_beats is not None:
            ongoing.length_frames = round(ongoing.length_beats * sources.beats.frames_per_beat)
        ongoing.recorder.start(first)

    def _poll_sound(self, ongoing: Ongoing) -> None:
        threshold = 10 ** (self._session.record_threshold_db / 20)
        loud = ongoing.recorder.find_loud(ongoing.armed_frame, threshold)
        if loud is not None:
            # A length in bars starts with the sound itself; a free take is trimmed at the end.
            before_s = MARGIN_BEFORE_S if ongoing.length_beats is not None else PRE_ROLL_S
            self._start_take(ongoing, loud - round(before_s * ongoing.recorder.rate))

    def _poll_beat(self, ongoing: Ongoing) -> None:
        assert ongoing.start_beat is not None
        beats = self._sources.beats
        if not -BEATS_PER_BAR < beats.beats_to(ongoing.start_beat) < ongoing.wait_beats + 1.0:
            # The external clock has jumped to another song position.
            self._schedule_start(ongoing)
        start = beats.frame_of(ongoing.start_beat)
        if self._sources.mixer.frame >= start:
            first = self._capture_frame(ongoing, start)
            if first is not None:
                self._start_take(ongoing, first, start)

    def _capture_frame(self, ongoing: Ongoing, frame: int) -> int | None:
        """Return the capture buffer's frame that belongs to a frame of the mixer's clock."""
        mixer, audio = self._sources.mixer, self._session.audio
        if not ongoing.of_input:
            return frame + mixer.latency_frames
        moment_s = mixer.moment_of_frame(frame)
        if moment_s is None or audio is None:
            return None
        # The player hears the beat later by the output latency; the input adds its own.
        return self._sources.input.frame_at(moment_s + audio.round_trip_ms / 1000.0)

    # --- ending ---

    def _end_on_beat(self, ongoing: Ongoing) -> None:
        if ongoing.state == "beat":
            ongoing.length_beats = float(QUANTUM_BEATS[ongoing.quantum])
            return
        following = self._sources.beats.next_frame(ongoing.quantum)
        if following is not None:
            least = round(QUANTUM_BEATS[ongoing.quantum] * self._sources.beats.frames_per_beat)
            ongoing.length_frames = max(following - ongoing.start_frame, least)

    def _end_frame(self, ongoing: Ongoing) -> int | None:
        if ongoing.length_frames is None:
            return None
        return ongoing.first_frame + round(
            ongoing.length_frames * ongoing.recorder.rate / self._sources.mixer.rate
        )

    def _clear(self) -> None:
        self._ongoing = None
        self._sources.mixer.end_count_in()
        self._session.set_recording(False)

    def _interrupt(self, ongoing: Ongoing) -> None:
        """End a recording whose input is gone, and keep the sound so far."""
        text = "The recording was interrupted and ends there."
        if ongoing.state == "recording":
            self._finish(ongoing, None)
        else:
            self._clear()
            text = "The input went away before the recording began."
        self._session.notify(text, "warning")

    def _finish(self, ongoing: Ongoing, end: int | None) -> None:
        clip = ongoing.recorder.stop(end) if ongoing.state == "recording" else None
        self._clear()
        if clip is None or np.abs(clip.samples).max() < SILENCE:
            self._session.notify(
                "No sound came in. Check that the microphone is on and is the chosen input."
                if ongoing.of_input
                else "The recording is silent.",
                "warning",
            )
            return
        if ongoing.length_frames is None:
            clip = trim(clip) if ongoing.of_input else trim(clip, PLAYED_QUIET)
        self._keep_take(ongoing, clip)

    def _keep_take(self, ongoing: Ongoing, clip: Clip) -> None:
        pad = ongoing.pad
        self._loop_over_bars(ongoing, clip)
        name = "recording" if ongoing.of_input else "resampled"
        take = Take(new_take_id(), clip, "recorded", None, self._now(), None, name)
        self._take_store.add(pad, take)
        if not (ongoing.of_input and self._session.prompt.strip()) or pad.locked:
            return
        if clip.seconds > LONGEST_S:
            self._session.notify(
                f"The recording lasts {clip.seconds:.1f} s; the sound is made from its first "
                f"{LONGEST_S:g} s."
            )
            clip = clip.cut(LONGEST_S)
        if clip.seconds >= SHORTEST_S:
            self._generate.generate(pad.index, Source(clip, take.id))

    def _loop_over_bars(self, ongoing: Ongoing, clip: Clip) -> None:
        """Loop a recording that lasts whole bars, locked to the bars."""
        on_bars = ongoing.in_bars or QUANTUM_BEATS[ongoing.quantum] >= BEATS_PER_BAR
        bar_s = BEATS_PER_BAR * self._sources.beats.frames_per_beat / self._sources.mixer.rate
        bars = round(clip.seconds / bar_s)
        # Not whole if it was ended early, or if the tempo has changed since.
        whole = abs(clip.seconds - bars * bar_s) * clip.rate < 2.0
        pad = ongoing.pad
        if on_bars and whole and 0 < bars in LOOP_BARS and not pad.locked:
            mode = pad.parameters.mode if pad.parameters.loops else "loop"
            self._pad_settings.change(pad.index, mode=mode, loop_bars=bars)
