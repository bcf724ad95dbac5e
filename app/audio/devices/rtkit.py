"""RealtimeKit: the D-Bus service that grants real-time priority to programs of ordinary users.

The service sets a limit on CPU time that keeps such a program from freezing the computer. It is
called through `dbus-send`; without that, or without the service, nothing happens. Linux. Sound
thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

SERVICE = "org.freedesktop.RealtimeKit1"
_SEND = ("dbus-send", "--system", "--print-reply=literal", f"--dest={SERVICE}")
_OBJECT = "/org/freedesktop/RealtimeKit1"
ANSWER_WITHIN_S = 2.0


def request(threads: Iterable[int], priority: int) -> bool:
    """Request real-time priority, at most `priority`, for threads of this process.

    Return whether the service granted it to all. It requires that RLIMIT_RTTIME be set first: a
    real-time thread that runs for 0.2 s without blocking ends the process.
    """
    try:
        highest = _property("MaxRealtimePriority")
        _limit_realtime(_property("RTTimeUSecMax"))
        for thread in threads:
            _call(
                f"{SERVICE}.MakeThreadRealtimeWithPID",
                f"uint64:{os.getpid()}",
                f"uint64:{thread}",
                f"uint32:{min(priority, highest)}",
            )
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return True


def _property(name: str) -> int:
    """Return a numeric property of the service."""
    get = "org.freedesktop.DBus.Properties.Get"
    return int(_call(get, f"string:{SERVICE}", f"string:{name}").split()[-1])


def _call(*words: str) -> str:
    return subprocess.run(
        [*_SEND, _OBJECT, *words],
        capture_output=True,
        check=True,
        text=True,
        timeout=ANSWER_WITHIN_S,
    ).stdout


def _limit_realtime(longest_us: int) -> None:
    """Set RLIMIT_RTTIME: the system ends this process if a real-time thread runs longer."""
    if sys.platform != "linux":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    unlimited = resource.RLIM_INFINITY
    least = min([longest_us, *(limit for limit in (soft, hard) if limit != unlimited)])
    resource.setrlimit(resource.RLIMIT_RTTIME, (least, least))
