"""Real-time priority for a sound card's threads: asked for on Linux, and whether it is there.

macOS and Windows give it to sound by themselves; JACK does, where its server has it. PortAudio's
ALSA threads run like any other program's unless somebody asks: the system itself, which grants it
to those in a certain group, else RealtimeKit. Sound thread; `rise` and `sink` any.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from app.audio.devices import realtime_kit

PRIORITY = 60
"""1..99: above what works, below a JACK server's own 70."""
WAKING = 50
"""For what must wake at once, but never before sound."""
_TASKS = Path("/proc/self/task")
KNOWN = sys.platform == "linux"
"""Whether this system says what its threads have."""


def foreign_threads() -> frozenset[int]:
    """Return the threads of this process that are not Python's; none where that is not known."""
    if not KNOWN:
        return frozenset()
    ours = {thread.native_id for thread in threading.enumerate()}
    return frozenset(int(task.name) for task in _TASKS.iterdir()) - ours


def ask(threads: Iterable[int]) -> None:
    """Ask for real-time priority for those that lack it; a system that refuses is no error."""
    refused = []
    for thread in threads:
        try:
            if not _has_it(thread):
                os.sched_setscheduler(thread, _of(os.SCHED_FIFO), os.sched_param(PRIORITY))
        except PermissionError:
            refused.append(thread)
        except OSError:
            continue
    if refused:
        realtime_kit.ask(refused, PRIORITY)


def rise() -> None:
    """Give the calling thread real-time priority below sound's, where the system itself grants it.

    For a thread that must wake at once, works some microseconds, and may be a Python thread.
    RealtimeKit is not asked: it would end the program for a fifth of a second of such work.
    """
    if KNOWN:
        with suppress(OSError):
            os.sched_setscheduler(0, _of(os.SCHED_FIFO), os.sched_param(WAKING))


def sink() -> None:
    """Take real-time priority from the calling thread: for what may take long."""
    if KNOWN:
        with suppress(OSError):
            os.sched_setscheduler(0, _of(os.SCHED_OTHER), os.sched_param(0))


def granted(threads: Iterable[int]) -> bool:
    """Say whether any of these threads has it."""
    return any(_has_it(thread) for thread in threads)


def _has_it(thread: int) -> bool:
    try:
        policy = os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK
    except ProcessLookupError:
        return False
    return policy in (os.SCHED_FIFO, os.SCHED_RR)


def _of(policy: int) -> int:
    """Return the policy, for this thread and not for those it starts."""
    return policy | os.SCHED_RESET_ON_FORK
