"""Rectified-flow training of the transformer and its conditioner on a codec's latents.

The loss is the mean squared error of the velocity at random times of the straight path between
data and noise ("Fast Text-to-Audio Generation with Adversarial Post-Training", equations 1-3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import flow
from engine.device import autocast, choose_device
from engine.models.conditioning import UNKNOWN, Conditioner, Tokens
from engine.models.dit import DiffusionTransformer
from engine.models.spectral_features import FRAME, RATE_HZ
from engine.training.autoencoder import load_trained_codec
from engine.training.optimising import Optimising
from engine.training.pool import Shelf, fill_pool, words_of_pool
from engine.training.run_folder import RunError, RunFolder
from engine.training.settings import FlowRun

SHORTEST_LATENTS = 8


class Generative(nn.Module):
    """The two networks that a flow trains together."""

    def __init__(self, run: FlowRun, words: tuple[str, ...]) -> None:
        super().__init__()
        self.transformer = DiffusionTransformer(run.transformer)
        self.conditioner = Conditioner(run.conditioner, words)

    def forward(
        self, x: Tensor, time: Tensor, tokens: Tokens, seconds: Tensor, keep: Tensor | None
    ) -> Tensor:
        """Velocity of latents x (B, C, L) at times (B,) under prompts and lengths."""
        conditioning = self.conditioner(tokens, seconds, keep)
        velocity: Tensor = self.transformer(x, time, conditioning)
        return velocity


@dataclass(frozen=True, slots=True)
class Batch:
    """Latents (B, C, L) with their prompts and asked seconds (B,)."""

    latents: Tensor
    captions: tuple[str, ...]
    seconds: Tensor


class Batches:
    """Random batches of one length each, as many tokens in each as the config says."""

    def __init__(self, shelves: list[Shelf], run: FlowRun) -> None:
        self._shelves = shelves
        self._run = run
        self._needed = [_latents_needed(shelf) for shelf in shelves]
        sounds = np.array([len(shelf) for shelf in shelves], float)
        self._shares = sounds / sounds.sum()

    def draw(self, rng: np.random.Generator) -> Batch:
        """Choose a shelf, a length, and sounds that fit into it."""
        which = rng.choice(len(self._shelves), p=self._shares)
        shelf, needed = self._shelves[which], self._needed[which]
        patch = self._run.transformer.patch_size
        longest = shelf.values.shape[1] // patch * patch
        # The length follows a sound's own, so that all lengths a player asks for are met.
        length = int(rng.choice(needed)) if rng.random() < 0.7 else longest
        length = min(-(-max(length, SHORTEST_LATENTS) // patch) * patch, longest)
        fitting = np.flatnonzero(needed <= length)
        if len(fitting) == 0:
            fitting = np.arange(len(needed))
        size = max(1, self._run.tokens_per_batch * patch // length)
        # More of a batch would be the same sounds twice.
        chosen = rng.choice(fitting, min(size, 4 * self._run.optimiser.batch))
        latents = shelf.rows(chosen)[:, :length].transpose(1, 2)
        sounds = [shelf.sounds[i] for i in chosen]
        seconds = torch.tensor([min(sound.seconds, shelf.seconds) for sound in sounds])
        return Batch(latents, tuple(sound.caption for sound in sounds), seconds)


def _latents_needed(shelf: Shelf) -> NDArray[np.int64]:
    return np.array([int(np.ceil(sound.seconds * RATE_HZ / FRAME)) for sound in shelf.sounds])


def stratified_times(count: int, generator: torch.Generator, shift: float) -> Tensor:
    """Logit-normal times (count,), one from each equal share of the distribution."""
    share = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    normal = torch.special.ndtri((share / count).clamp(1e-5, 1 - 1e-5))
    t = torch.sigmoid(normal)
    return shift * t / (1 + (shift - 1) * t)


def velocity_loss(predicted: Tensor, data: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error against the path's velocity."""
    return (predicted - flow.velocity(data, noise)).square().mean()


def latent_pool(
    run: FlowRun, folder: Path, show: Callable[[str], None], device: str
) -> list[Shelf]:
    """Return the run's sounds as latents of its codec, rendered now or by an earlier start."""
    codec = load_trained_codec(Path(run.codec)).to(device)
    if codec.config.latent_dim != run.transformer.io_channels:
        raise RunError(
            f"transformer.io_channels must be the codec's latent_dim {codec.config.latent_dim}, "
            f"got {run.transformer.io_channels}."
        )
    return fill_pool(
        run.pool,
        lambda audio: codec.encode(audio).transpose(1, 2),
        folder / "pool",
        show,
        device,
    )


def train_flow(run: FlowRun, folder: RunFolder) -> None:
    """Train until run.optimiser.steps, going on from the folder's checkpoint."""
    device = choose_device()
    shelves = latent_pool(run, folder.path, folder.note, device)
    step, state = 0, folder.load()
    # The corpus may have learnt words since the run began; the network has not.
    words = words_of_pool(run.pool, shelves) if state is None else tuple(state["vocabulary"])
    torch.manual_seed(run.seed)
    network = Generative(run, words).to(device)
    optimising = Optimising(network, run.optimiser)
    batches = Batches(shelves, run)
    if state is not None:
        optimising.restore(state["optimising"])
        step = state["step"]
    recent: list[float] = []
    while step < run.optimiser.steps:
        rng = np.random.default_rng((run.seed, step))
        loss = _loss(network, batches.draw(rng), run, torch.Generator().manual_seed(step), device)
        norm = optimising.update(loss, step)
        recent.append(float(loss.detach()))
        step += 1
        if step % run.optimiser.log_every == 0:
            values = {"loss": float(np.mean(recent)), "gradient": norm}
            recent.clear()
            folder.log(step, {**values, "rate": optimising.rate(step)})
            folder.show(step, run.optimiser.steps, values)
        if step % run.optimiser.checkpoint_every == 0 or step == run.optimiser.steps:
            folder.save({"optimising": optimising.state(), "step": step, "vocabulary": list(words)})


def _loss(
    network: Generative, batch: Batch, run: FlowRun, generator: torch.Generator, device: str
) -> Tensor:
    size = len(batch.captions)
    tokens = network.conditioner.tokenizer(batch.captions)
    forgotten = torch.rand(tokens.ids.shape, generator=generator) < run.unknown_word_chance
    ids = tokens.ids.masked_fill(forgotten & tokens.real, UNKNOWN)
    tokens = Tokens(ids.to(device), tokens.values.to(device), tokens.real.to(device))
    keep = (torch.rand(size, generator=generator) >= run.prompt_dropout).to(device)
    times = stratified_times(size, generator, run.time_shift).to(device)
    data = batch.latents.to(device)
    noise = torch.randn(data.shape, generator=generator).to(device)
    with autocast(device):
        x = flow.noised(data, noise, times)
        predicted = network(x, times, tokens, batch.seconds.to(device), keep)
    return velocity_loss(predicted.float(), data, noise)
