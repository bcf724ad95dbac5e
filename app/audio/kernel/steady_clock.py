"""The system's steady clock for the compiled callback: the address of a C function.

It is the clock of `time.perf_counter`, so that times of the app and the callback are comparable.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SteadyClock:
    """`address` of clock_gettime or QueryPerformanceCounter; 0 where neither could be found."""

    address: int
    ticks_per_s: int


def find_steady_clock() -> SteadyClock:
    """Return this system's clock; without one, callbacks are counted but not timed."""
    try:
        return _windows_clock() if sys.platform == "win32" else _posix_clock()
    except (OSError, AttributeError):
        return SteadyClock(0, 1_000_000_000)


def _posix_clock() -> SteadyClock:
    function = ctypes.CDLL(None).clock_gettime
    return SteadyClock(_address(function), 1_000_000_000)


def _windows_clock() -> SteadyClock:
    kernel = ctypes.CDLL("kernel32")
    frequency = ctypes.c_int64()
    kernel.QueryPerformanceFrequency(ctypes.byref(frequency))
    return SteadyClock(_address(kernel.QueryPerformanceCounter), frequency.value)


def _address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
