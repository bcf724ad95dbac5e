"""Layout of the memory that the app's threads and the compiled callbacks share, field by field.

Every field has one writer: either the app (under the mixer's lock) or the callback. Fields that
both sides use are 64 bits wide and aligned, so that no read is ever torn.
"""

from __future__ import annotations

import numpy as np

COMMANDS = 1024
"""Capacity of the command ring: far more than a MIDI cable can send between two blocks."""
MAX_PADS = 64
MAX_VOICES = 64
SLOTS = 2 * MAX_VOICES
"""Two slots per voice, so that a voice that was cut can fade out while its successor starts."""
SAMPLE_SETS = 1024
"""Sample sets the kernel can hold at once: those on pads and replaced ones that still sound."""
LAYERS = 16
"""Sounds in one sample set, which a pad plays in turn or by velocity."""
CHUNK = 256
"""Frames the kernel processes at a time, whatever the block size."""
LONGEST_LIMITER_WINDOW = 1024
"""Longest look-ahead of the limiter in frames, enough for 1.5 ms at 400 kHz."""
SINC_COUNT = 25
"""Interpolation filters: one for each semitone of upward transposition, 0 to 24."""
LONGEST_SINC_TAPS = 128
PEAK_TAPS = 12
"""Taps of the filters by which the limiter finds a peak between two frames."""
PEAK_REACH = PEAK_TAPS // 2
"""Frames of delay that these filters add."""

GAIN_UNIT = 1 << 30
"""Fixed-point unity gain of the limiter's moving average: an integer sum never drifts."""

BUSY_BINS = 1000
"""Bins of the load histogram: the time a callback took, in thousandths of its block's duration."""

BEATS_PER_BAR = 4
TEMPO_LINES = 64
"""Slots for tempo lines: a new one is written into the next slot, then `tempo_line` names it."""

NO_SET = -1
NO_PENDING_SET = -2
NOW = -1
"""As the frame of a command: the first frame of the next block."""
NEVER = 1 << 62
"""A frame later than any other."""

ONE_SHOT, GATE, LOOP, TOGGLE = 0, 1, 2, 3
SINGLE, ROUND_ROBIN, BY_VELOCITY = 0, 1, 2
HIT, RELEASE, STOP, STOP_ALL = 1, 2, 3, 4

CONTROL = np.dtype(
    [
        ("rate", "i8"),
        ("max_voices", "i8"),
        ("slots", "i8"),
        ("pads", "i8"),
        ("commands_written", "i8"),
        ("master_gain", "f8"),
        ("gain_smoothing", "f8"),
        ("dc_pole", "f8"),
        ("limiter_window", "i8"),
        ("limiter_release", "f8"),
        ("retrigger_frames", "i8"),
        ("choke_frames", "i8"),
        ("stop_frames", "i8"),
        ("steal_frames", "i8"),
        ("swap_frames", "i8"),
        ("declick_decay", "f8"),
        ("open_filter", "f8"),
        ("closed_filter", "f8"),
        ("sinc_weights", "i8"),
        ("sinc_taps", "i8", (SINC_COUNT,)),
        ("sinc_start", "i8", (SINC_COUNT,)),
        ("tempo_line", "i8"),
        ("repeat_beats", "f8"),
        ("metronome", "f8"),
        ("count_in", "f8"),
        ("count_in_from", "f8"),
        ("count_in_until", "f8"),
        ("click_address", "i8", (2,)),
        ("click_frames", "i8", (2,)),
        ("meter_resets_requested", "i8"),
        ("longest_resets_requested", "i8"),
        ("clock", "i8"),
        ("ticks_per_s", "i8"),
    ],
    align=True,
)
"""Written by the app.

- `gain_smoothing`, `dc_pole`, `limiter_release`, `declick_decay`: per-frame factors
- `limiter_window`: look-ahead in frames
- `open_filter`, `closed_filter`: the frequencies at which a low-pass and a high-pass are inaudible,
  as tan(pi f / rate)
- `sinc_weights`: address of the interpolation filters (`app.audio.kernel.interpolation`);
  `sinc_taps` and `sinc_start`: taps and first weight of each
- `tempo_line`: index of the tempo line in use
- `repeat_beats`: interval at which held pads are hit again, 0 for no note repeat
- `metronome`: gain of the metronome's clicks, 0 for off
- `count_in`: gain of the clicks from beat `count_in_from` to before `count_in_until`, with or
  without metronome
- `click_address`, `click_frames`: the click of a bar's first beat, and that of the other beats
- `clock`: address of the system's steady clock function, 0 where there is none
- `*_resets_requested`: resets the app has requested; `*_resets_done` in STATUS counts those done
"""

STATUS = np.dtype(
    [
        ("commands_read", "i8"),
        ("commands_dropped", "i8"),
        ("blocks_begun", "i8"),
        ("blocks_done", "i8"),
        ("frame", "i8"),
        ("block_frames", "i8"),
        ("block_ticks", "i8"),
        ("next_block_ticks", "f8"),
        ("drift", "f8"),
        ("outliers", "i8"),
        ("longest_resets_done", "i8"),
        ("longest_ticks", "i8"),
        ("busy_ticks", "i8"),
        ("callbacks", "i8"),
        ("underflows", "i8"),
        ("late", "i8"),
        ("busy_histogram", "i8", (BUSY_BINS,)),
        ("voices_started", "i8"),
        ("pending_start", "i8"),
        ("pending_end", "i8"),
        ("meter_resets_done", "i8"),
        ("limited_frames", "i8"),
        ("peak", "f8", (2,)),
        ("power", "f8", (2,)),
        ("metered_frames", "i8"),
        ("clock_result", "i8", (2,)),
    ],
    align=True,
)
"""Written by the callback.

- `frame`: frames played so far
- `block_ticks`: when the last block began, smoothed; `next_block_ticks`: the prediction for the
  next one (`app.audio.kernel.block_timing`)
- `drift`: by what share of its rate the sound card runs slow
- `outliers`: late blocks in a row that were left out of the estimate
- `busy_ticks`: time spent in callbacks; `longest_ticks`: that of the longest one
- `late`: callbacks that took longer than their block lasts
- `busy_histogram`: callbacks by the thousandths of their block that they took; the last bin holds
  those that took all of it or more
- `power`: sum of squares over `metered_frames`
- `clock_result`: the buffer into which the clock function writes
"""

CALLBACK_COUNTS = ("callbacks", "late", "longest_ticks", "busy_ticks", "busy_histogram")
"""Fields of STATUS that count callbacks and the time they took."""

MASTER_BUS = np.dtype(
    [
        ("gain", "f8"),
        ("dc_input", "f8", (2,)),
        ("dc_output", "f8", (2,)),
        ("window_index", "i8"),
        ("min_gain", "f8"),
        ("min_gain_age", "i8"),
        ("released_gain", "f8"),
        ("needed_gains", "f8", (LONGEST_LIMITER_WINDOW,)),
        ("gain_steps", "i8", (LONGEST_LIMITER_WINDOW,)),
        ("gain_steps_sum", "i8"),
        ("delay_line", "f4", (LONGEST_LIMITER_WINDOW + PEAK_REACH, 2)),
        ("delay_index", "i8"),
        ("history", "f4", (2 * PEAK_TAPS, 2)),
        ("history_index", "i8"),
        ("quiet_frames", "i8"),
    ],
    align=True,
)
"""State of the master bus: gain, DC blocker, limiter. `history` holds the last frames twice, so
that they can be read contiguously from any index; `quiet_frames` counts the frames since the last
loud one."""

DECLICK = np.dtype(
    [("value", "f8", (2,)), ("steps", "f8", (CHUNK + 1, 2)), ("any", "i8")],
    align=True,
)
"""State of the declicker: `steps` are the steps to remove in this chunk, by frame; `value` is the
decaying rest of earlier ones; `any` is 0 while there is nothing to add."""

COMMAND = np.dtype(
    [
        ("kind", "i8"),
        ("frame", "i8"),
        ("pad", "i8"),
        ("velocity", "f8"),
        ("note", "i8"),
        ("note_speed", "f8"),
    ],
    align=True,
)
"""`note` is the transposition of a chromatic pad in semitones, `note_speed` the same as source
frames per output frame."""
PAD = np.dtype(
    [
        ("sample_set", "i8"),
        ("swap_beats", "f8"),
        ("mode", "i8"),
        ("choke_group", "i8"),
        ("layer_selection", "i8"),
        ("gain", "f8", (2,)),
        ("velocity_curve", "f8"),
        ("start", "f8"),
        ("end", "f8"),
        ("reverse", "i8"),
        ("speed", "f8"),
        ("attack_frames", "i8"),
        ("decay", "f8"),
        ("release_frames", "i8"),
        ("low_pass", "f8"),
        ("high_pass", "f8"),
        ("loop_beats", "f8"),
    ],
    align=True,
)
"""Written by the app. `sample_set` is the set to play; a running loop swaps to it on the next
multiple of `swap_beats`, 0 for at once. `start` and `end` are fractions of the sound; `speed` is in
source frames per output frame; `decay` is a factor per frame; `low_pass` and `high_pass` are
tan(pi f / rate), 0 for none; `loop_beats` is the length of a loop that is locked to bars, 0 for the
sound's own length."""
TEMPO_LINE = np.dtype([("anchor", "f8"), ("frames_per_beat", "f8")], align=True)
"""Written by the app: the (fractional) frame of beat 0, and the length of a beat in frames."""
CLICK = np.dtype(
    [("frame", "i8"), ("sound", "i8"), ("frames_left", "i8"), ("gain", "f8")], align=True
)
"""The metronome's current click: the frame of its beat, and which of the two sounds it is."""
RING = np.dtype(
    [("samples", "i8"), ("capacity", "i8"), ("channels", "i8"), ("position", "i8")], align=True
)
"""A ring buffer of `capacity` frames: frame n is stored at index n modulo `capacity`. The app sets
it up while no callback runs, with a capacity of 0 to store nothing; the callback advances
`position`, the number of the next frame."""
PAD_STATE = np.dtype(
    [
        ("active_set", "i8"),
        ("pending_set", "i8"),
        ("swap_beat", "f8"),
        ("turn", "i8"),
        ("newest", "i8"),
        ("position", "i8"),
    ],
    align=True,
)
"""Written by the callback for each pad: the sample set that hits play, the one that waits for
`swap_beat`, how many hits have played the active one (`turn`), the order of the newest voice, and
its position in frames of its sound, -1 for none."""
SAMPLE_SET = np.dtype(
    [("layers", "i8"), ("address", "i8", (LAYERS,)), ("frames", "i8", (LAYERS,))], align=True
)
VOICE = np.dtype(
    [
        ("active", "i8"),
        ("pad", "i8"),
        ("note", "i8"),
        ("sample_set", "i8"),
        ("layer", "i8"),
        ("mode", "i8"),
        ("order", "i8"),
        ("age", "i8"),
        ("start", "i8"),
        ("end", "i8"),
        ("reverse", "i8"),
        ("smooth_seam", "i8"),
        ("position", "f8"),
        ("note_speed", "f8"),
        ("velocity_gain", "f8"),
        ("gain", "f8", (2,)),
        ("attack_frames", "i8"),
        ("decay", "f8"),
        ("envelope", "f8"),
        ("fade_gain", "f8"),
        ("fade_step", "f8"),
        ("declick_start", "i8"),
        ("last_output", "f8", (2,)),
        ("low_pass", "f8"),
        ("low_state", "f8", (4,)),
        ("high_pass", "f8"),
        ("high_state", "f8", (4,)),
        ("loop_beats", "f8"),
        ("next_beat", "f8"),
        ("waits_for_bar", "i8"),
    ],
    align=True,
)
"""`position` counts source frames from the first frame of the region that is played; `fade_gain`
stays 1 until `fade_step` (per frame) is set; `gain` follows velocity, pad gain and pan;
`last_output` is the last frame the voice added; `declick_start` means that the step to the next
frame it adds is to be removed; a voice with `loop_beats` restarts on `next_beat`, and is silent
until then while `waits_for_bar` is 1."""

MIX = np.dtype(
    [
        ("control", CONTROL),
        ("status", STATUS),
        ("master_bus", MASTER_BUS),
        ("declick", DECLICK),
        ("commands", COMMAND, (COMMANDS,)),
        ("pending", COMMAND, (COMMANDS,)),
        ("held_hits", COMMAND, (MAX_PADS,)),
        ("pads", PAD, (MAX_PADS,)),
        ("pad_states", PAD_STATE, (MAX_PADS,)),
        ("tempo_lines", TEMPO_LINE, (TEMPO_LINES,)),
        ("click", CLICK),
        ("output_ring", RING),
        ("sample_sets", SAMPLE_SET, (SAMPLE_SETS,)),
        ("set_users", "i8", (SAMPLE_SETS,)),
        ("voices", VOICE, (SLOTS,)),
        ("scratch", "f4", (CHUNK, 2)),
        ("sinc_input", "f4", (LONGEST_SINC_TAPS, 2)),
    ],
    align=True,
)
"""All the output callback reads and writes. `held_hits` is each pad's last hit (its kind is HIT
until it is released); `output_ring` holds the output without the metronome; `set_users` counts the
voices that play a sample set; one voice is rendered into `scratch`; frames for interpolation are
gathered in `sinc_input`."""

CAPTURE = np.dtype(
    [
        ("ring", RING),
        ("skipped", "i8"),
        ("clock", "i8"),
        ("meter_resets_requested", "i8"),
        ("callbacks", "i8"),
        ("overflows", "i8"),
        ("meter_resets_done", "i8"),
        ("peak", "f8"),
        ("blocks_begun", "i8"),
        ("blocks_done", "i8"),
        ("block_ticks", "i8"),
        ("block_position", "i8"),
        ("clock_result", "i8", (2,)),
    ],
    align=True,
)
"""All the input callback reads and writes. The app writes `skipped` (how many channels precede
those that are captured), `clock` (as in CONTROL) and `meter_resets_requested`, the callback the
rest: `block_ticks` is when the last block arrived, `block_position` the number of its first frame
in the ring."""

MIDI_EVENTS = 1024
"""Capacity of the event ring, far more than a MIDI cable carries between two polls."""

JACK_EVENT = np.dtype([("frame", "i8"), ("size", "i8"), ("data", "i8", (3,))], align=True)

JACK_MIDI = np.dtype(
    [
        ("client", "i8"),
        ("port", "i8"),
        ("last_frame_time", "i8"),
        ("port_get_buffer", "i8"),
        ("get_event_count", "i8"),
        ("event_get", "i8"),
        ("read", "i8"),
        ("written", "i8"),
        ("dropped", "i8"),
        ("event", "i8", (3,)),
        ("events", JACK_EVENT, (MIDI_EVENTS,)),
    ],
    align=True,
)
"""All that the callback of a JACK MIDI input reads and writes. The app writes the handles of client
and port, the addresses of four functions of libjack, and how many events it has `read`; the
callback writes the rest. libjack writes each event (jack_midi_event_t) to `event`; `frame` is the
JACK server's frame time of an event, in 32 bits."""
