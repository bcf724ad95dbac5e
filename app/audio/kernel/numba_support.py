"""Numba support: decorators, intrinsics and small functions for compiled code. Compile time.

The kernel is Python compiled by numba instead of a C extension or PyO3: one language, no compiler
on the player's machine, and the tests' model beside it in the same terms.
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
"""What numba and llvmlite hand around while they compile."""
Number: TypeAlias = Any
"""A number of the machine: to Python's type checkers neither int nor float."""
Samples: TypeAlias = NDArray[np.float32]

carray: Callable[..., Numba] = numba.carray  # type: ignore[attr-defined]

# CLOCK_MONOTONIC on Linux and the BSDs; CLOCK_UPTIME_RAW is what macOS' perf_counter reads.
CLOCK_NUMBER = 8 if sys.platform == "darwin" else 1
WINDOWS = sys.platform == "win32"

_Function = TypeVar("_Function", bound=Callable[..., object])


# By numpy's rules a division by zero is infinite, where Python's would raise in the callback.
# Python never calls these functions: to leave out what it would need halves the compile time.
_compile: Numba = njit(  # type: ignore[call-overload]
    error_model="numpy", nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
)


def jit(function: _Function) -> _Function:
    """Compile for the callback; only compiled code can call it."""
    return cast("_Function", _compile(function))


def intrinsic(function: Callable[..., Numba]) -> Callable[..., Numba]:
    """Make a function that writes its own machine code."""
    return cast("Callable[..., Numba]", numba_intrinsic(function))


def portaudio_callback(memory: np.dtype[Any]) -> Callable[[Callable[..., Number]], Numba]:
    """Compile a PaStreamCallback that works on `memory`."""
    long = types.uint32 if WINDOWS else types.uint64
    return _callback(memory, types.voidptr, types.voidptr, long, types.voidptr, long)


def jack_callback(memory: np.dtype[Any]) -> Callable[[Callable[..., Number]], Numba]:
    """Compile a JackProcessCallback that works on `memory`."""
    return _callback(memory, types.uint32)


def _callback(memory: np.dtype[Any], *arguments: Numba) -> Callable[[Callable[..., Number]], Numba]:
    """Compile what is called with these arguments and the memory; keep it in numba's cache.

    numba finds what it kept by the signature, of which the memory's whole layout is part, and by
    the file of the callback alone: the layout carries a hash of all the code it is compiled from.
    """
    record = types.CPointer(numba.from_dtype(_add_kernel_hash(memory)))  # type: ignore[no-untyped-call]
    signature = types.int32(*arguments, record)
    compile_callback: Numba = cfunc(signature, cache=True, error_model="numpy")
    return cast("Callable[[Callable[..., Number]], Numba]", compile_callback)


def _add_kernel_hash(memory: np.dtype[Any]) -> np.dtype[Any]:
    """Return the same layout with one more name for its first word: the hash of the kernel."""
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
    """Return an address held in a number, as a pointer."""

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@intrinsic
def fence(typing_context: Numba) -> Numba:
    """No read or write moves across this: needed on ARM, nearly free on x86."""

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
    """Call a C function that takes up to three pointers or unsigned ints; what it returns, 64 bits.

    By the conventions of 64-bit processors each argument has a register of its own: those that a
    function does not take are never looked at, and of a 32-bit result the upper half means nothing.
    """

    def generate(context: Numba, builder: Numba, signature: Numba, arguments: Numba) -> Numba:
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * 3).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], kind), arguments[1:])

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@jit
def read_ticks(clock: int, ticks: NDArray[np.int64]) -> Number:
    """Return the steady clock at address `clock`, 0 for none; `ticks` is where it writes."""
    if clock == 0:
        return 0
    read_clock(clock, ticks)
    if WINDOWS:
        return ticks[0]
    return ticks[0] * 1_000_000_000 + ticks[1]


@jit
def to_int64(number: int) -> Number:
    """C's unsigned long as an ordinary number: unsigned and signed together become floats.

    A constant becomes one too: functions are compiled again for every constant they are given.
    """
    return np.int64(number)


@jit
def approach(value: float, target: float, share: float) -> Number:
    """One frame of a smooth move; it arrives exactly, so that a resting value is a constant."""
    step = (target - value) * share
    if abs(target - value) < 1e-5:
        return target
    return value + step
