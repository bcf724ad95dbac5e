"""Reads and strictly checks tensors of a file. Needs torch."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine.api import EngineError
from engine.hardware.memory import check_memory, free_bytes

CHECKPOINT_SUFFIXES = (".ckpt", ".pt", ".bin")


_INITIALISERS = frozenset(
    {Tensor.uniform_, Tensor.normal_, nn.init.kaiming_uniform_, nn.init.uniform_, nn.init.normal_}
)


class SkipInit(TorchFunctionMode):
    """Skip the random initialisation of networks built inside: a file fills them next.

    Memory is not committed before it is written. Torch's own way, the "meta" device, takes seconds
    the first time, since random numbers there import torch's compiler.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever torch's function returns
        """Call `func`, unless it fills a tensor with random numbers."""
        named = dict(kwargs or {})
        if func in _INITIALISERS:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


Network = TypeVar("Network", bound=nn.Module)


def build_unfilled(build: Callable[[], Network], folder: Path) -> Network:
    """Build a network to be filled from a file; raises EngineError if memory does not hold it."""
    try:
        with SkipInit():
            return build()
    except (RuntimeError, TypeError, MemoryError) as error:
        # Torch raises the first for what it cannot allocate, the second for counts beyond 64 bits.
        raise EngineError(
            f"The model in {folder} is too large for this computer's memory, or its config is "
            "not its own: close other programs, or install the model again."
        ) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file, or a torch checkpoint, with its tensors under "state_dict" or not.

    Raises EngineError when it is missing, damaged, too large or holds program code.
    """
    if not path.is_file():
        raise EngineError(
            f"The model in {path.parent} has no {path.name}: install the model again."
        )
    check_memory(path, free_bytes())
    if path.suffix in CHECKPOINT_SUFFIXES:
        return _read_checkpoint(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damage_error(path, error) from error


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    try:
        # Without weights_only a checkpoint could run any code.
        found = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except pickle.UnpicklingError as error:
        if not _is_pickled(path):
            raise _damage_error(path, error) from error
        raise EngineError(
            f"{path} holds more than tensors, maybe program code, which Pingpad never runs: "
            "use the model's .safetensors file."
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise _damage_error(path, error) from error
    tensors = found.get("state_dict", found) if isinstance(found, dict) else None
    if not isinstance(tensors, dict) or not tensors:
        raise EngineError(f"{path} holds no weights: install the model again.")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise EngineError(f"{path} holds {name!r}, which is no tensor: install another file.")
    return tensors


def _is_pickled(path: Path) -> bool:
    if zipfile.is_zipfile(path):
        return True
    with path.open("rb") as file:
        return file.read(1) == b"\x80"


def _damage_error(path: Path, error: Exception) -> EngineError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return EngineError(f"{path} is damaged or not whole ({reason}): install the model again.")


def check_tensors(
    wanted: Mapping[str, torch.Size], found: Mapping[str, Tensor], folder: Path
) -> None:
    """Raise EngineError unless `found` holds exactly the wanted names and shapes, all finite."""
    for problem, names in (
        ("lacks", sorted(set(wanted) - set(found))),
        ("has unknown", sorted(set(found) - set(wanted))),
    ):
        if names:
            raise EngineError(f"The model in {folder} {problem} tensors: {_list_some(names)}.")
    for name, tensor in found.items():
        if tensor.shape != wanted[name]:
            raise EngineError(
                f"The model in {folder}: {name} must have shape {tuple(wanted[name])}, "
                f"got {tuple(tensor.shape)}."
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise EngineError(f"The model in {folder}: {name} holds values that are not numbers.")


def _list_some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
