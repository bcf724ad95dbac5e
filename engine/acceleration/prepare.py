"""Modifies a model for its device and precision. Needs torch."""

from __future__ import annotations

from engine.acceleration.layouts import (
    lay_channels_last,
    lower_precision,
    pack_linear_layers,
    quantise_blocks,
)
from engine.acceleration.tiles import tile_codec
from engine.hardware.device import sound_dtype, steps_dtype
from engine.loading.sound_model import SoundModel
from engine.models.oobleck import Oobleck


def prepare_for_device(model: SoundModel, device: str, precision: str) -> None:
    """Modify a model on its device, in place; `precision` is one of PRECISIONS.

    Its output stays the same within that precision.
    """
    lower_precision(model.transformer, steps_dtype(precision))
    for codec in [part for part in model.modules() if isinstance(part, Oobleck)]:
        if device == "cpu":
            tile_codec(codec)
        lay_channels_last(codec, sound_dtype(device, precision), fused=device == "cpu")
    if precision.startswith("int8"):
        quantise_blocks(model.transformer)
    elif device == "cpu":
        pack_linear_layers(model.transformer)
