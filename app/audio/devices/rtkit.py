"""RealtimeKit: the desktop's service that grants real-time priority where the system does not.

Desktops let no program of a user become real-time by itself, but this service on the system's
D-Bus may make one so, with a limit that keeps it from freezing the computer. It is asked by the
program that comes with D-Bus; where there is neither, nothing happens. Linux. Sound thread.
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
    """Ask for real-time priority, at most `priority`, for threads of this process.

    Return whether the service granted all of it. What it demands for that is promised first: a
    thread that works for a fifth of a second without a pause ends the process.
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
    """Return a number that the service tells about itself."""
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
    """Let the system end this process if a real-time thread works longer without a pause."""
    if sys.platform != "linux":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
    unlimited = resource.RLIM_INFINITY
    least = min([longest_us, *(limit for limit in (soft, hard) if limit != unlimited)])
    resource.setrlimit(resource.RLIMIT_RTTIME, (least, least))
