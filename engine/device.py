"""Which processor, which precision, which seed. Engine process."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
from pathlib import Path

import torch

from engine.api import EngineError

SEED_BITS = 31
PRECISIONS = ("auto", "float32", "bfloat16", "bfloat16-all", "int8", "int8-all")
"""Those of the steps; with -all the decoder is in bfloat16 too, a noise 46 dB below the sound."""
PRECISION_VARIABLE = "PINGPAD_PRECISION"
"""An environment variable: one of PRECISIONS; without it, auto."""


def choose_device(wanted: str = "auto") -> str:
    """Return a torch device name: the wanted one, or CUDA, then the CPU.

    Raises EngineError when the wanted one is not there.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:  # torch raises both
        raise EngineError(
            f'There is no device "{wanted}" here: use auto, or cpu, which is always there.'
        ) from error
    return wanted


def machine_name(device: str) -> str:
    """What to print beside measured times: the GPU's name, or the processor's with its cores."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores"


def choose_precision(device: str, wanted: str | None = None) -> str:
    """Return one of PRECISIONS but auto: the wanted one, the environment's, or the faster float.

    Raises EngineError for one that is not there. Those that are heard are never chosen unasked.
    """
    wanted = wanted or os.environ.get(PRECISION_VARIABLE) or "auto"
    if wanted not in PRECISIONS:
        raise EngineError(f"The precision must be one of {', '.join(PRECISIONS)}, got {wanted}.")
    if wanted.startswith("int8") and device != "cpu":
        raise EngineError(f"int8 is for the CPU, not for {device}: use auto.")
    if wanted == "auto":
        return "bfloat16" if has_fast_bfloat16(device) else "float32"
    return wanted


def steps_dtype(precision: str) -> torch.dtype:
    """Return what the transformer's floats are in; int8 is for its products alone."""
    return torch.bfloat16 if precision.startswith("bfloat16") else torch.float32


def sound_dtype(device: str, precision: str) -> torch.dtype:
    """Return what the published models' decoder computes in, where it is given the choice."""
    if precision.endswith("-all"):
        return torch.bfloat16
    # As their own code runs it there.
    return torch.float16 if device.startswith("cuda") and precision != "float32" else torch.float32


def has_fast_bfloat16(device: str) -> bool:
    """Say whether bfloat16 products are fast there: GPUs, and CPUs with AVX-512 BF16 or AMX."""
    if device != "cpu":
        return True
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def autocast(device: torch.device | str) -> contextlib.AbstractContextManager[object]:
    """Return the context in which linear layers run in bfloat16, where that is fast."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=has_fast_bfloat16(kind))


def draw_seed() -> int:
    """Draw a seed that a player can read and type."""
    return secrets.randbits(SEED_BITS)
