"""Real-time priority for a sound card's threads on Linux: requesting and checking it.

macOS and Windows grant it to audio threads by themselves; so does JACK, if its server has it.
PortAudio's ALSA threads have normal priority unless it is requested: from the kernel, which grants
it to members of a certain group, else from RealtimeKit. Sound thread; `raise_priority` and
`lower_priority` any.
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
"""1..99: above worker threads, below a JACK server's own 70."""
WAKING = 50
"""For threads that must wake up at once, but after those of sound."""
_TASKS = Path("/proc/self/task")
SUPPORTED = sys.platform == "linux"
"""Whether this system reports its threads' priorities."""


def find_native_threads() -> frozenset[int]:
    """Return this process's threads that are not Python's; empty where that is not known."""
    if not SUPPORTED:
        return frozenset()
    ours = {thread.native_id for thread in threading.enumerate()}
    return frozenset(int(task.name) for task in _TASKS.iterdir()) - ours


def request(threads: Iterable[int]) -> None:
    """Request real-time priority for the threads that lack it; a refusal is not an error."""
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
    """Give the calling thread real-time priority below sound's, where the kernel grants it.

    For a thread that must wake up at once and works for some microseconds; it may be a Python
    thread. RealtimeKit is not used: it ends the process if such a thread works for 0.2 s.
    """
    if SUPPORTED:
        with suppress(OSError):
            os.sched_setscheduler(0, _without_inheritance(os.SCHED_FIFO), os.sched_param(WAKING))


def lower_priority() -> None:
    """Give the calling thread normal priority again, before work that may take long."""
    if SUPPORTED:
        with suppress(OSError):
            os.sched_setscheduler(0, _without_inheritance(os.SCHED_OTHER), os.sched_param(0))


def is_granted(threads: Iterable[int]) -> bool:
    """Return whether any of these threads has real-time priority."""
    return any(_has_realtime(thread) for thread in threads)


def _has_realtime(thread: int) -> bool:
    try:
        policy = os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK
    except ProcessLookupError:
        return False
    return policy in (os.SCHED_FIFO, os.SCHED_RR)


def _without_inheritance(policy: int) -> int:
    """Return the policy with the flag that threads and processes it starts do not inherit it."""
    return policy | os.SCHED_RESET_ON_FORK
