"""Real-time priority for a sound card's threads: asked for on Linux, and whether it is there.

macOS and Windows give it to sound by themselves; JACK does, where its server has it. PortAudio's
ALSA threads run like any other program's unless somebody asks: the system itself, which grants it
to those in a certain group, else RealtimeKit. Sound thread;
`raise_priority` and `lower_priority` any.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from app.audio.devices import rtkit

PRIORITY = 60
"""1..99: above what works, below a JACK server's own 70."""
WAKING = 50
"""For what must wake at once, but never before sound."""
_TASKS = Path("/proc/self/task")
SUPPORTED = sys.platform == "linux"
"""Whether this system says what its threads have."""


def find_native_threads() -> frozenset[int]:
    """Return the threads of this process that are not Python's; none where that is not known."""
    if not SUPPORTED:
        return frozenset()
    ours = {thread.native_id for thread in threading.enumerate()}
    return frozenset(int(task.name) for task in _TASKS.iterdir()) - ours


def request(threads: Iterable[int]) -> None:
    """Ask for real-time priority for those that lack it; a system that refuses is no error."""
    refused = []
    for thread in threads:
        try:
            if not _has_realtime(thread):
                os.sched_setscheduler(
                    thread, _without_inheritance(os.SCHED_FIFO), os.sched_param(PRIORITY)
                )
        except PermissionError:
            refused.append(thread)
        except OSError:
            continue
    if refused:
        rtkit.request(refused, PRIORITY)


def raise_priority() -> None:
    """Give the calling thread real-time priority below sound's, where the system itself grants it.

    For a thread that must wake at once, works some microseconds, and may be a Python thread.
    RealtimeKit is not asked: it would end the program for a fifth of a second of such work.
    """
    if SUPPORTED:
        with suppress(OSError):
            os.sched_setscheduler(0, _without_inheritance(os.SCHED_FIFO), os.sched_param(WAKING))


def lower_priority() -> None:
    """Take real-time priority from the calling thread: for what may take long."""
    if SUPPORTED:
        with suppress(OSError):
            os.sched_setscheduler(0, _without_inheritance(os.SCHED_OTHER), os.sched_param(0))


def is_granted(threads: Iterable[int]) -> bool:
    """Say whether any of these threads has it."""
    return any(_has_realtime(thread) for thread in threads)


def _has_realtime(thread: int) -> bool:
    try:
        policy = os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK
    except ProcessLookupError:
        return False
    return policy in (os.SCHED_FIFO, os.SCHED_RR)


def _without_inheritance(policy: int) -> int:
    """Return the policy, for this thread and not for those it starts."""
    return policy | os.SCHED_RESET_ON_FORK
