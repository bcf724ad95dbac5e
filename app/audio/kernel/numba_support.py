"""Numba support: decorators, intrinsics and helper functions for compiled code.

The kernel is Python compiled by numba instead of a C or Rust extension: one language, no compiler
on the player's machine, and a reference model in the tests that uses the same names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic
from numpy.typing import NDArray

Record: TypeAlias = Any
"""A record of app.audio.kernel.layout: numba knows its fields, Python's type checkers cannot."""
Numba: TypeAlias = Any
"""A type, value, context or builder of numba and llvmlite at compile time."""
Number: TypeAlias = Any
"""A machine number: to Python's type checkers neither int nor float."""
Samples: TypeAlias = NDArray[np.float32]

DENORMAL = 1e-20
"""Filter state below this is set to zero: arithmetic on denormal numbers is slow."""

carray: Callable[..., Numba] = numba.carray  # type: ignore[attr-defined]

# CLOCK_MONOTONIC on Linux and the BSDs; CLOCK_UPTIME_RAW is what macOS' perf_counter reads.
CLOCK_NUMBER = 8 if sys.platform == "darwin" else 1
WINDOWS = sys.platform == "win32"

_Function = TypeVar("_Function", bound=Callable[..., object])


# error_model="numpy": a division by zero gives infinity instead of raising in the callback.
# Python never calls these functions; leaving out the wrappers halves the compile time.
_compile: Numba = njit(  # type: ignore[call-overload]
    error_model="numpy", nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
)


def jit(function: _Function) -> _Function:
    """Compile for the callback; only compiled code can call it."""
    return cast("_Function", _compile(function))


def intrinsic(function: Callable[..., Numba]) -> Callable[..., Numba]:
    """Declare a function that emits its own LLVM IR."""
    return cast("Callable[..., Numba]", numba_intrinsic(function))


def portaudio_callback(memory: np.dtype[Any]) -> Callable[[Callable[..., Number]], Numba]:
    """Return a decorator that compiles a PaStreamCallback whose user data is `memory`."""
    long = types.uint32 if WINDOWS else types.uint64
    return _callback(memory, types.voidptr, types.voidptr, long, types.voidptr, long)


def jack_callback(memory: np.dtype[Any]) -> Callable[[Callable[..., Number]], Numba]:
    """Return a decorator that compiles a JackProcessCallback whose user data is `memory`."""
    return _callback(memory, types.uint32)


def _callback(memory: np.dtype[Any], *arguments: Numba) -> Callable[[Callable[..., Number]], Numba]:
    """Return a decorator that compiles a C callback taking `arguments` and the memory; cached.

    numba's cache key is the signature, which includes the memory's layout, and the callback's own
    file; it misses changes in other modules. Hence a hash of the whole kernel is put into the
    layout.
    """
    record = types.CPointer(numba.from_dtype(_add_kernel_hash(memory)))  # type: ignore[no-untyped-call]
    signature = types.int32(*arguments, record)
    compile_callback: Numba = cfunc(signature, cache=True, error_model="numpy")
    return cast("Callable[[Callable[..., Number]], Numba]", compile_callback)


def _add_kernel_hash(memory: np.dtype[Any]) -> np.dtype[Any]:
    """Return the layout with one more field over its first word, named after the kernel's hash."""
    assert memory.fields is not None and memory.names is not None
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    fields = [memory.fields[name] for name in memory.names]
    return np.dtype(
        {
            "names": [*memory.names, f"kernel_{digest.hexdigest()[:16]}"],
            "formats": [*(field[0] for field in fields), np.dtype("i8")],
            "offsets": [*(field[1] for field in fields), 0],
            "itemsize": memory.itemsize,
            "aligned": True,
        }
    )


@intrinsic
def as_pointer(typing_context: Numba, address: Numba) -> Numba:
    """Convert an integer address to a pointer."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@intrinsic
def fence(typing_context: Numba) -> Numba:
    """Full memory barrier: needed on ARM, nearly free on x86."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def read_clock(typing_context: Numba, address: Numba, ticks: Numba) -> Numba:
    """Call the system's clock at `address`; it writes one or two words at `ticks`."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        number = ir.IntType(32)
        pointer = builder.extract_value(arguments[1], 4)
        pointer = builder.bitcast(pointer, cgutils.voidptr_t)
        takes = [cgutils.voidptr_t] if WINDOWS else [number, cgutils.voidptr_t]
        function = builder.inttoptr(arguments[0], ir.FunctionType(number, takes).as_pointer())
        builder.call(function, [pointer] if WINDOWS else [number(CLOCK_NUMBER), pointer])
        return context.get_dummy_value()

    return types.void(address, ticks), generate


@intrinsic
def call_c(
    typing_context: Numba, address: Numba, first: Numba, second: Numba, third: Numba
) -> Numba:
    """Call a C function of up to three pointers or unsigned ints; return its result as 64 bits.

    In 64-bit calling conventions each argument has its own register: a function ignores those that
    it does not take. The upper half of a 32-bit result is undefined.
    """

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * 3).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], kind), arguments[1:])

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@jit
def read_ticks(clock: int, ticks: NDArray[np.int64]) -> Number:
    """Return the time in ticks of the clock function at address `clock`; 0 without a clock.

    `ticks` is the buffer that the function writes into.
    """
    if clock == 0:
        return 0
    read_clock(clock, ticks)
    if WINDOWS:
        return ticks[0]
    return ticks[0] * 1_000_000_000 + ticks[1]


@jit
def to_int64(number: int) -> Number:
    """Convert C's unsigned long to int64: numba promotes mixed signed and unsigned to float.

    Constants are converted too: numba specialises functions for every literal argument.
    """
    return np.int64(number)


@jit
def approach(value: float, target: float, share: float) -> Number:
    """Move `value` one frame towards `target` by one-pole smoothing; it arrives exactly."""
    step = (target - value) * share
    if abs(target - value) < 1e-5:
        return target
    return value + step
