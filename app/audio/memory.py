"""The memory that the app's threads and the compiled callbacks share: its layout, word by word.

Every word has one writer: either the app (under the mixer's lock) or the callback. All words are
64 bits wide and aligned, so that neither side ever reads half of one.
"""

from __future__ import annotations

import numpy as np

COMMANDS = 1024
"""Room in the command ring: far more than hands and a MIDI cable can send between two blocks."""
PADS = 64
VOICES = 64
SLOTS = 2 * VOICES
"""Every voice has a second slot, so that a cut voice can fade while its successor starts."""
SOUNDS = 1024
"""Sounds the kernel can know at once: those on pads and replaced ones that still sound."""
LONGEST_WINDOW = 1024
"""Frames of look-ahead that fit, enough for 1.5 ms at 400 kHz."""

UNIT = 1 << 30
"""The limiter averages its gain in whole steps of this: the sum never drifts, unity is exact."""

NO_SOUND = -1
NOW = -1

ONE_SHOT, GATE, LOOP = 0, 1, 2
HIT, RELEASE, STOP, STOP_ALL = 1, 2, 3, 4

CONTROL = np.dtype(
    [
        ("rate", "i8"),
        ("voices", "i8"),
        ("slots", "i8"),
        ("pads", "i8"),
        ("commands_written", "i8"),
        ("gain", "f8"),
        ("gain_smoothing", "f8"),
        ("high_pass", "f8"),
        ("window", "i8"),
        ("limiter_release", "f8"),
        ("retrigger_frames", "i8"),
        ("choke_frames", "i8"),
        ("release_frames", "i8"),
        ("steal_frames", "i8"),
        ("meter_asked", "i8"),
        ("clock", "i8"),
        ("ticks_per_s", "i8"),
    ],
    align=True,
)
"""Written by the app. `gain*`, `high_pass` and `limiter_release` are per-frame factors; `clock` is
the address of the system's steady clock, 0 where there is none."""

STATUS = np.dtype(
    [
        ("commands_read", "i8"),
        ("commands_dropped", "i8"),
        ("blocks_begun", "i8"),
        ("blocks_done", "i8"),
        ("frame", "i8"),
        ("block_frames", "i8"),
        ("block_ticks", "i8"),
        ("longest_ticks", "i8"),
        ("busy_ticks", "i8"),
        ("callbacks", "i8"),
        ("underflows", "i8"),
        ("late", "i8"),
        ("order", "i8"),
        ("pending_first", "i8"),
        ("pending_end", "i8"),
        ("meter_seen", "i8"),
        ("limited", "i8"),
        ("peak", "f8", (2,)),
        ("ticks", "i8", (2,)),
    ],
    align=True,
)
"""Written by the callback. `frame` counts all frames played; a `late` callback took longer than
its own block lasts; `ticks` is where the clock writes."""

TAIL = np.dtype(
    [
        ("gain", "f8"),
        ("gain_reached", "f8"),
        ("before", "f8", (2,)),
        ("passed", "f8", (2,)),
        ("index", "i8"),
        ("least", "f8"),
        ("least_age", "i8"),
        ("held", "f8"),
        ("needed", "f8", (LONGEST_WINDOW,)),
        ("steps", "i8", (LONGEST_WINDOW,)),
        ("steps_sum", "i8"),
        ("delayed", "f4", (LONGEST_WINDOW, 2)),
    ],
    align=True,
)
"""What the end of the chain remembers from frame to frame: master gain, high-pass, limiter."""

COMMAND = np.dtype([("kind", "i8"), ("frame", "i8"), ("pad", "i8"), ("velocity", "f8")], align=True)
PAD = np.dtype([("sound", "i8"), ("mode", "i8"), ("gain", "f8"), ("choke_group", "i8")], align=True)
SOUND = np.dtype([("address", "i8"), ("frames", "i8")], align=True)
VOICE = np.dtype(
    [
        ("active", "i8"),
        ("pad", "i8"),
        ("sound", "i8"),
        ("mode", "i8"),
        ("position", "i8"),
        ("order", "i8"),
        ("velocity_gain", "f8"),
        ("gain", "f8"),
        ("level", "f8"),
        ("fall", "f8"),
    ],
    align=True,
)
"""`level` is the fade, 1 until `fall` (per frame) is set; `gain` follows velocity and pad gain."""

MIX = np.dtype(
    [
        ("control", CONTROL),
        ("status", STATUS),
        ("tail", TAIL),
        ("commands", COMMAND, (COMMANDS,)),
        ("pending", COMMAND, (COMMANDS,)),
        ("pads", PAD, (PADS,)),
        ("sounds", SOUND, (SOUNDS,)),
        ("users", "i8", (SOUNDS,)),
        ("voices", VOICE, (SLOTS,)),
        ("positions", "i8", (PADS,)),
    ],
    align=True,
)
"""All the output callback reads and writes. `users` counts the voices that play a sound;
`positions` is where a pad's newest voice is, -1 for none."""

CAPTURE = np.dtype(
    [
        ("samples", "i8"),
        ("capacity", "i8"),
        ("channels", "i8"),
        ("wanted", "i8"),
        ("meter_asked", "i8"),
        ("take", "i8"),
        ("position", "i8"),
        ("callbacks", "i8"),
        ("overflows", "i8"),
        ("meter_seen", "i8"),
        ("peak", "f8"),
    ],
    align=True,
)
"""All the input callback reads and writes. The app writes up to `meter_asked`, the callback the
rest. `wanted` is the number of the take to record, 0 for none; `take` the one being recorded."""
