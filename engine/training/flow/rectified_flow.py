"""Rectified-flow training of the transformer and its conditioner on a codec's latents.

The loss is the mean squared error of the velocity at random times of the straight path between
data and noise ("Fast Text-to-Audio Generation with Adversarial Post-Training", equations 1-3).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.hardware.device import choose_device
from engine.loading.model_folder import SoundModel
from engine.models.conditioning import NOTE_MARK, UNKNOWN, Conditioner, Tokens
from engine.models.dit import DiffusionTransformer
from engine.sampling import path as flow
from engine.sampling.guidance import guided, joined
from engine.sound.spectral_features import FRAME, RATE_HZ
from engine.training.codec.autoencoder import load_own_model, load_trained_codec
from engine.training.pool import Shelf, fill_pool, tie_pool, words_of_pool
from engine.training.run import distributed as processes
from engine.training.run.loop import State, StepResult, Trainer, run_steps
from engine.training.run.optimizer import Optimising
from engine.training.run.precision import precision, scaled
from engine.training.run.run_folder import RunError, RunFolder, words_of_checkpoint
from engine.training.run.seeding import LEGACY_FLOW, StepSeeds, Stream
from engine.training.run.throughput import TRAINED, Work, matrix_rate, transformer_flops
from engine.training.settings import FlowRun

SHORTEST_LATENTS = 8
FAVOUR = 4.0
"""How much more often a sound of a favoured family is drawn than another."""
FROM_SOURCE = 0.4
"""The least time of a noised source: below it, a recording is to stay what it is."""
ENCODING = ("encoder", "mean", "deviation", "latent_")
"""How the names begin of the codec's weights that decide its latents."""
WORDS = "t5.shared.weight"
"""The conditioner's weight that holds a row for each word."""
EXACT = "exact.0.weight"
"""The one that holds a column for each feature of exact values."""


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
    """Latents (B, C, L) with their prompts and asked seconds (B,).

    `sources` are latents of the recordings they are to be made from, if there are such.
    """

    latents: Tensor
    captions: tuple[str, ...]
    seconds: Tensor
    sources: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """All that one step's loss depends on: a batch (B, ...) and the chance that goes with it."""

    data: Tensor
    noise: Tensor
    times: Tensor
    tokens: Tokens
    seconds: Tensor
    keep: Tensor
    sources: Tensor | None = None

    def part(self, share: slice, device: str) -> Example:
        """Some of the items, on the device."""
        return Example(
            self.data[share].to(device),
            self.noise[share].to(device),
            self.times[share].to(device),
            chosen(self.tokens, share, device),
            self.seconds[share].to(device),
            self.keep[share].to(device),
            None if self.sources is None else self.sources[share].to(device),
        )


def chosen(tokens: Tokens, which: slice | Tensor, device: str) -> Tokens:
    """Some of the prompts, on the device."""
    parts = (tokens.ids, tokens.values, tokens.real, tokens.bpm)
    return Tokens(*(part[which].to(device) for part in parts))


class Batches:
    """Random batches of one length each, as many tokens in each part as the config says.

    A batch has `parts` equal parts, one for each process and each accumulation.
    """

    def __init__(self, shelves: list[Shelf], run: FlowRun, parts: int = 1) -> None:
        self._shelves = shelves
        self._run = run
        self._parts = parts
        self._needed = [_latents_needed(shelf) for shelf in shelves]
        self._weights = [_weights(shelf, run.favour) for shelf in shelves]
        self._shares = _shares(shelves, self._weights, run.pair_share)

    def draw(self, rng: np.random.Generator) -> Batch:
        """Choose a shelf, a length, and sounds that fit into it."""
        which = rng.choice(len(self._shelves), p=self._shares)
        shelf, needed = self._shelves[which], self._needed[which]
        patch = self._run.transformer.patch_size
        longest = shelf.values.shape[1] // patch * patch
        # The length follows a sound's own, so that all lengths a player asks for are met.
        weights = self._weights[which]
        usual = int(rng.choice(needed, p=weights / weights.sum()))
        length = usual if rng.random() < 0.7 else longest
        length = min(-(-max(length, SHORTEST_LATENTS) // patch) * patch, longest)
        fitting = np.flatnonzero(needed <= length)
        if len(fitting) == 0:
            fitting = np.arange(len(needed))
        size = max(1, self._run.tokens_per_batch * patch // length)
        # More of a batch would be the same sounds twice.
        size = min(size, 4 * self._run.optimiser.batch) * self._parts
        picks = rng.choice(fitting, size, p=weights[fitting] / weights[fitting].sum())
        latents = shelf.rows(picks)[:, :length].transpose(1, 2)
        sounds = [shelf.sounds[i] for i in picks]
        seconds = torch.tensor([min(sound.seconds, shelf.seconds) for sound in sounds])
        sources = shelf.source_rows(picks)
        if sources is not None:
            sources = sources[:, :length].transpose(1, 2)
        return Batch(latents, tuple(sound.caption for sound in sounds), seconds, sources)


def _weights(shelf: Shelf, favour: tuple[str, ...]) -> NDArray[np.float64]:
    """How often each sound of a shelf is drawn, compared with the others."""
    return np.array([FAVOUR if sound.family in favour else 1.0 for sound in shelf.sounds])


def _shares(
    shelves: list[Shelf], weights: list[NDArray[np.float64]], pair_share: float
) -> NDArray[np.float64]:
    """How often each shelf is drawn from: by what is on it, all pairs together `pair_share`."""
    sums = np.array([each.sum() for each in weights])
    paired = np.array([shelf.sources is not None for shelf in shelves])
    if paired.any() and not paired.all():
        sums[paired] *= pair_share / sums[paired].sum()
        sums[~paired] *= (1 - pair_share) / sums[~paired].sum()
    return sums / sums.sum()


def _latents_needed(shelf: Shelf) -> NDArray[np.int64]:
    return np.array([int(np.ceil(sound.seconds * RATE_HZ / FRAME)) for sound in shelf.sounds])


def stratified_times(
    count: int, generator: torch.Generator, shift: float, truncation: float = 0.0
) -> Tensor:
    """Logit-normal times (count,), one from each equal share of the distribution.

    With a `truncation` its end at the noise is cut off by so much and the rest stretched over
    0..1, so that times near 1 are no longer rare (the released code's truncated distribution,
    there with 0.075).
    """
    share = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    kept = torch.tensor(1 - truncation)
    share = share / count * torch.special.ndtr(torch.logit(kept))
    times = torch.sigmoid(torch.special.ndtri(share.clamp(1e-5, 1 - 1e-5))) / kept
    return flow.shifted(times.clamp_max(1), shift)


def velocity_loss(predicted: Tensor, data: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error against the path's velocity."""
    return (predicted - flow.velocity(data, noise)).square().mean()


class Teacher:
    """A trained flow model whose guided velocity another learns to give in one evaluation.

    "On Distillation of Guided Diffusion Models" (Meng et al. 2023), first stage, at one scale.
    """

    def __init__(self, network: Generative, scale: float) -> None:
        """Copy the network as it is now."""
        self._network = copy.deepcopy(network).requires_grad_(False)
        self._scale = scale

    @torch.no_grad()
    def velocity(self, x: Tensor, example: Example) -> Tensor:
        """Guided velocity (B, C, L) at x; where prompts are hidden, the promptless one."""
        conditioner, hidden = self._network.conditioner, torch.zeros_like(example.keep)
        both = joined(
            conditioner(example.tokens, example.seconds, example.keep),
            conditioner(example.tokens, example.seconds, hidden),
        )
        transformer = self._network.transformer
        return guided(lambda y, t: transformer(y, t, both).float(), self._scale)(x, example.times)


def latent_pool(
    run: FlowRun, folder: Path, show: Callable[[str], None], device: str
) -> list[Shelf]:
    """Return the run's sounds as latents of its codec, rendered now or by an earlier start."""
    codec = load_trained_codec(Path(run.codec))
    if codec.config.latent_dim != run.transformer.io_channels:
        raise RunError(
            f"transformer.io_channels must be the codec's latent_dim {codec.config.latent_dim}, "
            f"got {run.transformer.io_channels}."
        )
    encoder = {k: v for k, v in codec.state_dict().items() if k.startswith(ENCODING)}
    tie_pool(folder / "pool", encoder, show)
    codec.to(device)
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
    checkpoint = folder.load()
    trainer = FlowTrainer(run, shelves, folder.path, checkpoint, device)
    folder.stopwatch.know_rate(matrix_rate(device, run.scale))
    run_steps(trainer, run.optimiser, folder, checkpoint)


class FlowTrainer(Trainer):
    """Updates the velocity network on random batches of latents."""

    def __init__(
        self,
        run: FlowRun,
        shelves: list[Shelf],
        folder: Path,
        checkpoint: State | None,
        device: str,
    ) -> None:
        self.seeds = StepSeeds.of_run(run.seed, checkpoint, LEGACY_FLOW)
        self._run, self._device = run, device
        distilling = run.distilled_guidance > 0
        is_new = checkpoint is None
        begun = load_own_model(Path(run.begin)) if run.begin and (distilling or is_new) else None
        if checkpoint is not None:
            # The corpus may have learnt words since the run began; the network has not.
            words = words_of_checkpoint(checkpoint, folder)
        else:
            words = begun[1].vocabulary if begun else ()
            words += tuple(word for word in words_of_pool(run.pool, shelves) if word not in words)
        self._vocabulary = words
        torch.manual_seed(run.seed)
        self._network = Generative(run, words).to(device)
        if begun is not None:
            take_over(self._network, begun[0], run)
        self._teacher = Teacher(self._network, run.distilled_guidance) if distilling else None
        scaled(self._network, run.scale)
        self._optimising = Optimising(self._network, run.optimiser)
        self._batches = Batches(shelves, run, run.scale.accumulate * processes.count())

    def step(self, step: int) -> StepResult:
        """Take one step down the loss of a new batch."""
        batch = self._batches.draw(self.seeds.rng(step, Stream.BATCH))
        random = self.seeds.generator(step, Stream.NOISE)
        example = draw_example(self._network, batch, self._run, random)
        losses = _Losses(self._network, example, self._run, self._device, self._teacher)
        norm = self._optimising.update_over(losses, self._run.scale.accumulate, step)
        rate = self._optimising.rate(step + 1)
        return StepResult(
            _work(example, self._run), {"loss": losses.mean}, {"gradient": norm, "rate": rate}
        )

    def state(self) -> State:
        """Return the weights, the optimiser's state and the words the network was taught."""
        return {"optimising": self._optimising.state(), "vocabulary": list(self._vocabulary)}

    def restore(self, state: State) -> None:
        """Put back weights and the optimiser's state."""
        self._optimising.restore(state["optimising"])


def take_over(network: Generative, model: SoundModel, run: FlowRun) -> None:
    """Give a network the weights of the model it begins with; raises RunError when sizes differ.

    Timing may be new: it begins as if it were not there. So may the network's last words: each
    begins as a word that the model was never taught. New tonics begin as the notes that they share
    their values with.
    """
    config = model.config
    transformer, conditioner = config.transformer, config.conditioner
    conditioner = replace(conditioner, keyed=conditioner.keyed or run.conditioner.keyed)
    if not transformer.latents_per_second:
        transformer = replace(transformer, latents_per_second=run.transformer.latents_per_second)
    if (transformer, conditioner) != (run.transformer, run.conditioner):
        raise RunError(
            f"The sizes of [transformer] and [conditioner] must be those of {run.begin}: "
            f"{config.transformer}, {config.conditioner}."
        )
    weights = network.transformer.state_dict() | model.transformer.state_dict()
    network.transformer.load_state_dict(weights)
    taught = model.conditioner.state_dict()
    known = taught[WORDS]
    more = network.conditioner.t5.shared.num_embeddings - len(known)
    taught[WORDS] = torch.cat([known, known[UNKNOWN].expand(more, -1)])
    if conditioner.keyed and not config.conditioner.keyed:
        values = taught[EXACT]
        taught[EXACT] = torch.cat([values, values[:, NOTE_MARK : NOTE_MARK + 1]], dim=1)
    network.conditioner.load_state_dict(taught)


def draw_example(
    network: Generative, batch: Batch, run: FlowRun, generator: torch.Generator
) -> Example:
    """Draw a step's times, noise, hidden prompts and forgotten words, for the whole batch."""
    size = len(batch.captions)
    tokens = network.conditioner.tokenizer(batch.captions)
    forgotten = torch.rand(tokens.ids.shape, generator=generator) < run.unknown_word_chance
    ids = tokens.ids.masked_fill(forgotten & tokens.real, UNKNOWN)
    keep = torch.rand(size, generator=generator) >= run.prompt_dropout
    if batch.sources is None:
        times = stratified_times(size, generator, run.time_shift, run.time_truncation)
    else:
        times = FROM_SOURCE + (1 - FROM_SOURCE) * stratified_times(size, generator, 1.0)
    noise = torch.randn(batch.latents.shape, generator=generator)
    tokens = replace(tokens, ids=ids)
    return Example(batch.latents, noise, times, tokens, batch.seconds, keep, batch.sources)


def flow_loss(
    network: Generative, example: Example, run: FlowRun, teacher: Teacher | None = None
) -> Tensor:
    """The velocity's loss of one part of a batch, on the network's device (equations 1 to 3).

    With a teacher the squared distance from its velocity instead. From a source, that of the
    velocity which leads from the noised source to the data: no path of the flow, but where
    ping-pong's first step from a recording is to arrive.
    """
    paired = example.sources is not None
    start = example.data if example.sources is None else example.sources
    with precision(run.scale, example.data.device):
        x = flow.noised(start, example.noise, example.times)
        predicted = network(x, example.times, example.tokens, example.seconds, example.keep)
        if teacher is not None and not paired:
            return (predicted.float() - teacher.velocity(x, example)).square().mean()
    if paired:
        wanted = flow.velocity_to(example.data, x, example.times)
        return (predicted.float() - wanted).square().mean()
    return velocity_loss(predicted.float(), example.data, example.noise)


def _work(example: Example, run: FlowRun) -> Work:
    """What one step of the flow does."""
    count, _, length = example.data.shape
    # The length in seconds is one more token beside the words.
    once = transformer_flops(run.transformer, length, example.tokens.ids.shape[1] + 1)
    return Work(count, TRAINED * count * once)


class _Losses:
    """This process's parts of a step's loss, one after the other, and then their mean."""

    def __init__(
        self,
        network: Generative,
        example: Example,
        run: FlowRun,
        device: str,
        teacher: Teacher | None,
    ) -> None:
        self._network, self._example, self._run = network, example, run
        self._device, self._teacher = device, teacher
        self._values: list[float] = []

    def __iter__(self) -> Iterator[Tensor]:
        size = len(self._example.data)
        for share in processes.parts(size, self._run.scale.accumulate):
            part = self._example.part(share, self._device)
            loss = flow_loss(self._network, part, self._run, self._teacher)
            self._values.append(float(loss.detach()))
            yield loss

    @property
    def mean(self) -> float:
        """The mean of the parts that were asked for."""
        return float(np.mean(self._values))
