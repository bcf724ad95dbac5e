"""What every training loop shares: learning rate, moving average of weights, saved state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from engine.training.run import distributed as processes
from engine.training.run.run_folder import RunError
from engine.training.settings import Optimiser


class Optimising:
    """AdamW over a network with warm-up, cosine decay, clipping and an average of the weights."""

    def __init__(self, network: nn.Module, settings: Optimiser) -> None:
        self.network = network
        self.settings = settings
        self.adam = torch.optim.AdamW(
            [p for p in network.parameters() if p.requires_grad],
            lr=settings.learning_rate,
            betas=(settings.betas[0], settings.betas[1]),
            weight_decay=settings.weight_decay,
        )
        self.average = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        settings = self.settings
        if step < settings.warmup:
            return settings.learning_rate * (step + 1) / settings.warmup
        done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
        return settings.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1, done))))

    def update(self, loss: Tensor, step: int) -> float:
        """Take one step down the loss; return the gradient's norm before clipping.

        Raises RunError, with the weights as they were, when loss or gradient is not finite.
        """
        return self.update_over([loss], 1, step)

    def update_over(self, losses: Iterable[Tensor], count: int, step: int) -> float:
        """Do as `update`, down the mean of `count` losses and over all processes.

        Each loss is let go before the next is asked for, so that they share their memory.
        """
        for group in self.adam.param_groups:
            group["lr"] = self.rate(step)
        self.adam.zero_grad(set_to_none=True)
        finite = True
        for loss in losses:
            (loss / count).backward()
            finite = finite and math.isfinite(float(loss.detach()))
        processes.average_gradients(self.network.parameters())
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        norm = processes.whole(norm)
        if not processes.all_true(finite and math.isfinite(float(norm))):
            raise RunError(
                f"Loss or gradient became NaN or infinite at step {step}; "
                "the last checkpoint is kept. Try a smaller learning_rate."
            )
        self.adam.step()
        # Early on a long average would still hold the first random weights.
        decay = min(self.settings.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for key, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[key].lerp_(value, 1 - decay)
                else:
                    self.average[key].copy_(value)
        return float(norm)

    def state(self) -> dict[str, Any]:
        """Everything that a run needs to go on; whole, however many processes share it."""
        adam = self.adam.state_dict()
        moments = {index: _each(processes.whole, state) for index, state in adam["state"].items()}
        return {
            "network": _each(processes.whole, self.network.state_dict()),
            "adam": {**adam, "state": moments},
            "average": _each(processes.whole, self.average),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Undo `state`."""
        own = self.network.state_dict()
        weights = state["network"]
        self.network.load_state_dict({k: processes.cut(v, own[k]) for k, v in weights.items()})
        adam, parameters = state["adam"], self.adam.param_groups[0]["params"]
        moments = {
            index: {k: processes.cut(v, parameters[index]) if v.dim() else v for k, v in of.items()}
            for index, of in adam["state"].items()
        }
        self.adam.load_state_dict({**adam, "state": moments})
        # Copied, since a checkpoint is read to the CPU and the average lives beside the network.
        for key, value in self.average.items():
            value.copy_(processes.cut(state["average"][key], value))


def _each(change: Callable[[Tensor], Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: change(tensor) for name, tensor in tensors.items()}
