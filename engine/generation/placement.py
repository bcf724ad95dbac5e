"""Places a model on a device, and falls back when its memory runs out. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.acceleration.compiled_blocks import CompiledBlocks
from engine.acceleration.cuda_graphs import GpuAcceleration, GraphCache
from engine.acceleration.prepare import prepare_for_device
from engine.api import InsufficientMemoryError, Recipe
from engine.hardware.device import choose_precision, steps_dtype
from engine.hardware.memory import empty_caches, is_out_of_memory
from engine.loading.sound_model import SoundModel

FEWER_AT_ONCE = "Memory is short: fewer sounds were made at a time, which takes longer."
ON_THE_CPU = "The GPU's memory is full: sounds are made on the processor now, which takes longer."

Reload = Callable[[], SoundModel]
Made = TypeVar("Made")


class PlacedModel:
    """A model prepared for a device; it moves to the CPU if the device has no room for it.

    `notice` is shown to the player with the next clip; "" shows nothing.
    """

    def __init__(
        self, model: SoundModel, device: str, precision: str | None, reload: Reload | None
    ) -> None:
        self._reload = reload
        self.notice = ""
        try:
            self._place(model, device, precision)
            return
        except (RuntimeError, MemoryError) as error:
            self._check_cpu_may_help(error, device)
        del model
        self._move_to_cpu()

    def _place(self, model: SoundModel, device: str, precision: str | None) -> None:
        """Move a freshly loaded model to a device, and modify it for that device."""
        self.device, self.precision = device, choose_precision(device, precision)
        self.dtype = steps_dtype(self.precision)
        self.model = model.to(device)
        prepare_for_device(self.model, device, self.precision)
        self.gpu = (
            GpuAcceleration(CompiledBlocks(model.transformer), GraphCache())
            if device.startswith("cuda")
            else None
        )

    def _move_to_cpu(self) -> None:
        assert self._reload is not None
        if hasattr(self, "model"):
            del self.model
        empty_caches()
        self._place(self._reload(), "cpu", None)
        self.notice = ON_THE_CPU

    def _check_cpu_may_help(self, error: Exception, device: str) -> None:
        """Return if the CPU may have the memory that a GPU lacked; raise otherwise."""
        if not is_out_of_memory(error):
            raise error
        if device == "cpu" or self._reload is None:
            raise InsufficientMemoryError(
                "There is not enough memory for this sound: close other programs, ask for fewer "
                "seconds, or choose a smaller model."
            ) from error

    def make_within_memory(
        self, recipes: list[Recipe], make: Callable[[list[Recipe]], list[Made]]
    ) -> list[Made]:
        """Make a batch. On out-of-memory halve it; with one item left, fall back to the CPU."""
        try:
            return make(recipes)
        except (RuntimeError, MemoryError) as error:
            if len(recipes) == 1 or not is_out_of_memory(error):
                self._check_cpu_may_help(error, self.device)
        if len(recipes) == 1:
            self._move_to_cpu()
            return make(recipes)
        empty_caches()
        self.notice = FEWER_AT_ONCE
        middle = len(recipes) // 2
        return [
            made
            for half in (recipes[:middle], recipes[middle:])
            for made in self.make_within_memory(half, make)
        ]

    def take_notice(self) -> str:
        """Return the notice and clear it."""
        notice, self.notice = self.notice, ""
        return notice
