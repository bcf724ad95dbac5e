"""Free memory, and errors when it does not suffice. Needs torch."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import torch

from engine.api import InsufficientMemoryError

GIB = 2**30
HEADROOM = GIB // 4
"""Bytes that generating a short sound takes beside the weights."""
_MEMINFO = Path("/proc/meminfo")
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "could not create a memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means out of memory; torch has one for each device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _OUT_OF_MEMORY)


def free_bytes(device: str = "cpu") -> int | None:
    """Return the free memory of a device in bytes; None if unknown."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        # Memory that torch has cached but does not use is free to it.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device != "cpu":
        return None
    return _read_free_windows() if sys.platform == "win32" else _read_free_linux()


def _read_free_linux() -> int | None:
    if not _MEMINFO.is_file():
        return None
    for line in _MEMINFO.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("load", ctypes.c_ulong),
        *((name, ctypes.c_ulonglong) for name in ("total", "available", *"abcde")),
    )


def _read_free_windows() -> int | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - other systems have no such name
    return int(status.available) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def check_memory(weights: Path, free: int | None) -> None:
    """Raise InsufficientMemoryError unless `free` bytes hold weights and their copy."""
    needed = 2 * weights.stat().st_size + HEADROOM
    if free is not None and free < needed:
        raise InsufficientMemoryError(
            f"The model in {weights.parent.name} needs about {needed / GIB:.1f} GB of free memory, "
            f"and {free / GIB:.1f} GB are free: close other programs, or choose a smaller model."
        )


def empty_caches() -> None:
    """Release the GPU memory that torch caches."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
