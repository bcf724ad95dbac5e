"""Real-time priority for a sound card's threads: asked for on Linux, and whether it is there.

macOS and Windows give it to sound by themselves; JACK does, where its server has it. PortAudio's
ALSA threads run like any other program's unless somebody asks: the system itself, which grants it
to those in a certain group, else RealtimeKit. Sound thread.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from app.audio import realtime_kit

PRIORITY = 60
"""1..99: above what works, below a JACK server's own 70."""
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
                policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
                os.sched_setscheduler(thread, policy, os.sched_param(PRIORITY))
        except PermissionError:
            refused.append(thread)
        except OSError:
            continue
    if refused:
        realtime_kit.ask(refused, PRIORITY)


def granted(threads: Iterable[int]) -> bool:
    """Say whether any of these threads has it."""
    return any(_has_it(thread) for thread in threads)


def _has_it(thread: int) -> bool:
    try:
        policy = os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK
    except ProcessLookupError:
        return False
    return policy in (os.SCHED_FIFO, os.SCHED_RR)
