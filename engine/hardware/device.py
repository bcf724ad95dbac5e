"""Choice of device and precision, and random seeds. Needs torch."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs
import torch

from engine.api import EngineError

SEED_BITS = 31
PRECISIONS = ("auto", "float32", "bfloat16", "bfloat16-all", "int8", "int8-all")
"""Of the sampling steps; -all runs the decoder in bfloat16 too, with noise at -46 dB."""
PRECISION_VARIABLE = "PINGPAD_PRECISION"
"""An environment variable: one of PRECISIONS; without it, auto."""
ROUNDS, WORK = 4, 8
"""How often a device is timed (the best counts), and how many matrix products each time."""


def choose_device(wanted: str = "auto", measure: Callable[[str], float] | None = None) -> str:
    """Return a torch device name: the wanted one, or the fastest.

    Speeds are measured at the first start with these devices, and cached. Raises EngineError when
    the wanted one is not there.
    """
    if wanted == "auto":
        available = list_devices()
        return (
            "cpu" if len(available) == 1 else _choose_fastest(available, measure or measure_seconds)
        )
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:  # torch raises both
        raise EngineError(
            f'There is no device "{wanted}" here: use auto, or cpu, which is always there.'
        ) from error
    return wanted


def list_devices() -> list[str]:
    """Return the names of all devices that torch finds here."""
    found = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
    return [*(name for name, is_there in found if is_there), "cpu"]


def measure_seconds(device: str) -> float:
    """Return the seconds that work like a generation's takes; infinity if it fails there."""
    try:
        kind = torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
        x, weight = torch.randn(257, 1024), torch.randn(1024, 4096)
        x, weight = x.to(device, kind), weight.to(device, kind)
        sound, kernel = torch.randn(1, 128, 16_384, device=device), torch.randn(128, 128, 7)
        kernel = kernel.to(device)
        took = math.inf
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for _ in range(WORK):
                y = torch.nn.functional.silu(x @ weight) @ weight.T
            sound = torch.nn.functional.conv1d(sound, kernel, padding=3).tanh()
            # Reading a value synchronises with the device.
            float(y.sum() + sound.sum())
            took = min(took, time.perf_counter() - started)
    except (RuntimeError, NotImplementedError, TypeError):
        return math.inf
    return took


def _choose_fastest(available: list[str], measure: Callable[[str], float]) -> str:
    """Return the fastest device, by cached times or by measuring now."""
    file, machine = (
        cache_folder() / "devices.json",
        [torch.__version__, *map(machine_name, available)],
    )
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        cached = json.loads(file.read_text(encoding="utf-8"))
        if cached["machine"] == machine and cached["fastest"] in available:
            return str(cached["fastest"])
    seconds = {name: measure(name) for name in available}
    fastest = min(available, key=lambda name: seconds[name])
    finite = {name: took if math.isfinite(took) else None for name, took in seconds.items()}
    with contextlib.suppress(OSError):  # then the next start measures again
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"machine": machine, "fastest": fastest, "seconds": finite})
        file.write_text(text, encoding="utf-8")
    return fastest


def cache_folder() -> Path:
    """Return the cache folder: times of devices, compiled networks."""
    home = os.environ.get("PINGPAD_HOME")
    if home:
        return Path(home).expanduser().absolute() / "cache"
    return platformdirs.user_cache_path("Pingpad", appauthor=False)


def machine_name(device: str) -> str:
    """Return what to print beside measured times: the GPU's name, or the CPU's with its cores."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device == "mps":
        return f"{platform.machine()} GPU, macOS {platform.mac_ver()[0]}"
    name, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores"


def choose_precision(device: str, wanted: str | None = None) -> str:
    """Return one of PRECISIONS but auto: the wanted one, the environment's, or the faster float.

    Raises EngineError for one that is not there. Those that change the sound audibly are never
    chosen unasked.
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
    """Return the dtype of the transformer's floats; int8 is for its matrix products alone."""
    return torch.bfloat16 if precision.startswith("bfloat16") else torch.float32


def sound_dtype(device: str, precision: str) -> torch.dtype:
    """Return the dtype of the published models' decoder."""
    if precision.endswith("-all"):
        return torch.bfloat16
    # As their own code does.
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
