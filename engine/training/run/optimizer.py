"""AdamW with a learning-rate schedule and an exponential moving average. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from engine.training.run import distributed
from engine.training.run.errors import RunError
from engine.training.settings import OptimizerConfig

EMA_KEY = "average"
"""The EMA's name in a checkpoint file."""


class OptimizerState:
    """AdamW over a network: warm-up, cosine decay, gradient clipping and EMA of the weights."""

    def __init__(self, network: nn.Module, settings: OptimizerConfig) -> None:
        self.network = network
        self.settings = settings
        self.adam = torch.optim.AdamW(
            [p for p in network.parameters() if p.requires_grad],
            lr=settings.learning_rate,
            betas=(settings.betas[0], settings.betas[1]),
            weight_decay=settings.weight_decay,
        )
        self.ema = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        settings = self.settings
        if step < settings.warmup:
            return settings.learning_rate * (step + 1) / settings.warmup
        if settings.decay_share:
            left = (settings.steps - step) / max(1.0, settings.decay_share * settings.steps)
            return settings.learning_rate * min(1.0, max(0.0, left))
        done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
        return settings.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1, done))))

    def update(self, loss: Tensor, step: int) -> float:
        """Take one step down the loss; return the gradient's norm before clipping.

        Raises RunError, with the weights as they were, when loss or gradient is not finite.
        """
        return self.update_microbatches([loss], 1, step)

    def update_microbatches(self, losses: Iterable[Tensor], count: int, step: int) -> float:
        """Take one step down the mean of `count` microbatches' losses, over all processes.

        Each loss is freed before the next one is computed, so that graphs reuse memory.
        """
        for group in self.adam.param_groups:
            group["lr"] = self.learning_rate(step)
        self.adam.zero_grad(set_to_none=True)
        finite = True
        for loss in losses:
            (loss / count).backward()
            finite = finite and math.isfinite(float(loss.detach()))
        distributed.average_gradients(self.network.parameters())
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        norm = distributed.gather_shards(norm)
        if not distributed.all_true(finite and math.isfinite(float(norm))):
            raise RunError(
                f"Loss or gradient became NaN or infinite at step {step}; "
                "the last checkpoint is kept. Try a smaller learning_rate."
            )
        self.adam.step()
        # Early on a long EMA would still hold the initial random weights.
        decay = min(self.settings.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for key, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.ema[key].lerp_(value, 1 - decay)
                else:
                    self.ema[key].copy_(value)
        return float(norm)

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs, unsharded; keys are those of checkpoint files."""
        adam = self.adam.state_dict()
        moments = {
            index: _map(distributed.gather_shards, state) for index, state in adam["state"].items()
        }
        return {
            "network": _map(distributed.gather_shards, self.network.state_dict()),
            "adam": {**adam, "state": moments},
            EMA_KEY: _map(distributed.gather_shards, self.ema),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        own = self.network.state_dict()
        weights = state["network"]
        self.network.load_state_dict(
            {k: distributed.shard_like(v, own[k]) for k, v in weights.items()}
        )
        adam, parameters = state["adam"], self.adam.param_groups[0]["params"]
        moments = {
            index: {
                k: distributed.shard_like(v, parameters[index]) if v.dim() else v
                for k, v in of.items()
            }
            for index, of in adam["state"].items()
        }
        self.adam.load_state_dict({**adam, "state": moments})
        # Copied in place: a checkpoint is read to the CPU, the EMA lives beside the network.
        for key, value in self.ema.items():
            value.copy_(distributed.shard_like(state[EMA_KEY][key], value))


def _map(function: Callable[[Tensor], Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: function(tensor) for name, tensor in tensors.items()}
