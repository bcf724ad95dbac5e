"""LoRA adapters: reads, checks and merges low-rank changes of weights. Needs torch.

It stands in for peft, which knows neither Stable Audio 3's layout nor our networks. Layouts: that
of peft (adapter_config.json beside the file holds its scale) and that of Stable Audio 3's trainer
(the scale in the file's metadata). W + strength * scale * B A (Hu et al.
2021, "LoRA", section 4.1), with learnt magnitudes as in DoRA (Liu et al. 2024, section 4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.api import EngineError
from engine.hardware.weights import read_tensors

PEFT_CONFIG = "adapter_config.json"
_PREFIXES = ("base_model.", "diffusion_model.", "model.", "conditioner.")
"""What trainers put before the names of a model's layers."""
_PARTS = {
    "lora_A.weight": "down",
    "lora_A.default.weight": "down",
    "lora_down.weight": "down",
    "parametrizations.weight.0.lora_A": "down",
    "lora_B.weight": "up",
    "lora_B.default.weight": "up",
    "lora_up.weight": "up",
    "parametrizations.weight.0.lora_B": "up",
    "alpha": "alpha",
    "lora_magnitude_vector.weight": "rows",
    "lora_magnitude_vector": "rows",
    "parametrizations.weight.0.magnitude": "magnitude",
    "parametrizations.weight.0.magnitude_r": "rows",
    "parametrizations.weight.0.magnitude_c": "columns",
}
_KINDS = ("lora", "dora", "dora-rows", "dora-cols", "bora")


@dataclass(frozen=True, slots=True)
class LowRank:
    """The change of one layer: up (outputs, rank) times down (rank, inputs) times scale.

    `rows` (outputs,) and `columns` (inputs,) are the norms that those get afterwards, if any
    (DoRA).
    """

    down: Tensor
    up: Tensor
    scale: float
    rows: Tensor | None = None
    columns: Tensor | None = None

    def merge(self, weight: Tensor, strength: float) -> Tensor:
        """Return a weight (outputs, inputs, ...) with the change; the weight itself at 0."""
        if strength == 0:
            return weight
        change = (self.up.float() @ self.down.float()).to(weight.device)
        flat = weight.flatten(1).float() + strength * self.scale * change
        for lengths, axis in ((self.rows, 1), (self.columns, 0)):
            if lengths is not None:
                unit = flat / (flat.norm(dim=axis, keepdim=True) + 1e-12)
                flat = unit * lengths.float().to(weight.device).unsqueeze(axis)
        return flat.reshape(weight.shape).to(weight.dtype)


def read_adapter(path: Path) -> dict[str, LowRank]:
    """Read the changes by layer, with the layers' names in published models.

    Raises EngineError for a file that is no LoRA, or one of an unknown kind.
    """
    tensors = read_tensors(path)
    config = _read_config(path)
    kind = str(config.get("adapter_type", "lora"))
    if kind not in _KINDS:
        raise EngineError(f"{path} is a LoRA of the kind {kind}; known are {', '.join(_KINDS)}.")
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        layer, part = _split_name(name)
        if part is None:
            raise EngineError(f"{path} is no LoRA that Pingpad knows: it holds {name}.")
        if not torch.isfinite(tensor).all():
            raise EngineError(f"{path}: {name} holds values that are not numbers.")
        layers.setdefault(layer, {})[part] = tensor
    return {name: _make_low_rank(path, name, parts, config) for name, parts in layers.items()}


def change_weights(
    weights: Mapping[str, Tensor], changes: Mapping[str, LowRank], strength: float, path: Path
) -> None:
    """Change weights in place; `weights` are by layer.

    Raises EngineError, before anything is changed, when the LoRA is another model's.
    """
    for name, change in changes.items():
        if name not in weights:
            raise EngineError(f"{path} is a LoRA for another model: this one has no layer {name}.")
        outputs, inputs = weights[name].flatten(1).shape
        got = (change.up.shape[0], change.down.shape[1])
        if got != (outputs, inputs):
            raise EngineError(
                f"{path} is a LoRA for another model: {name} is {outputs} x {inputs} here, "
                f"{got[0]} x {got[1]} there."
            )
    with torch.no_grad():
        for name, change in changes.items():
            weights[name].copy_(change.merge(weights[name], strength))


def _split_name(name: str) -> tuple[str, str | None]:
    for prefix in _PREFIXES:
        while name.startswith(prefix):
            name = name.removeprefix(prefix)
    for suffix, part in _PARTS.items():
        if name.endswith(f".{suffix}"):
            return name.removesuffix(f".{suffix}"), part
    return name, None


def _read_config(path: Path) -> dict[str, Any]:
    """Read what a LoRA's metadata says, or the file that peft puts beside it."""
    text = None
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, "pt") as held:
                text = (held.metadata() or {}).get("lora_config")
        except (SafetensorError, OSError) as error:
            raise EngineError(f"{path} cannot be read ({error}): add it again.") from error
    try:
        if text is None and (path.parent / PEFT_CONFIG).is_file():
            beside = json.loads((path.parent / PEFT_CONFIG).read_text(encoding="utf-8"))
            text = json.dumps({"alpha": beside["lora_alpha"], "rank": beside["r"]})
        config = {} if text is None else json.loads(text)
        return {} if not isinstance(config, dict) else config
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The settings of the LoRA {path} cannot be read ({error}).") from error


def _make_low_rank(
    path: Path, name: str, parts: Mapping[str, Tensor], config: Mapping[str, Any]
) -> LowRank:
    if "down" not in parts or "up" not in parts:
        raise EngineError(f"{path} is not whole: of {name} one half is missing.")
    down, up = parts["down"].flatten(1), parts["up"].flatten(1)
    rank = down.shape[0]
    if up.shape[1] != rank or rank == 0:
        raise EngineError(f"{path}: the halves of {name} do not fit, {up.shape} and {down.shape}.")
    alpha = float(parts["alpha"]) if "alpha" in parts else config.get("alpha", rank)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float):
        raise EngineError(f"{path}: alpha must be a number, got {alpha!r}.")
    rows, columns = parts.get("rows"), parts.get("columns")
    if "magnitude" in parts:
        lengths = parts["magnitude"]
        # An older trainer wrote lengths of columns as one row, under the same name as of rows.
        of_columns = config.get("adapter_type") == "dora-cols" or (
            lengths.dim() == 2 and lengths.shape[0] == 1
        )
        rows, columns = (None, lengths) if of_columns else (lengths, None)
    for lengths_of, count in ((rows, up.shape[0]), (columns, down.shape[1])):
        if lengths_of is not None and lengths_of.numel() != count:
            raise EngineError(f"{path}: of {name} there must be {count} magnitudes.")
    flat = [None if lengths is None else lengths.flatten() for lengths in (rows, columns)]
    return LowRank(down, up, float(alpha) / rank, flat[0], flat[1])
