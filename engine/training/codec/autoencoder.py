"""Training of the spectral codec: phase-free frames through a noisy bottleneck.

By regression and, if configured, against critics that are trained in alternation. Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.hardware.device import choose_device
from engine.models.spectral_codec import SpectralCodec
from engine.models.spectral_critics import SpectralCritics, views_of
from engine.sound.spectral_features import FRAME, ONE_WINDOW, RATE_HZ, FrameFormat
from engine.training.codec.latent_noise import (
    LatentNoise,
    draw_latent_noise,
    follow_latents,
)
from engine.training.codec.losses import (
    adversarial_loss,
    audible_nearby,
    critic_loss,
    frequency_weights,
    kl_divergence,
    matching_loss,
    pitch_loss,
    reconstruction_losses,
    resolution_loss,
)
from engine.training.pool import LengthBucket, fill_pool
from engine.training.pretrained import CODEC_KEY, CODEC_WEIGHTS, load_codec
from engine.training.run import distributed
from engine.training.run.checkpoint import OPTIMIZER_KEY
from engine.training.run.errors import RunError
from engine.training.run.loop import State, StepResult, Trainer, run_steps
from engine.training.run.optimizer import OptimizerState
from engine.training.run.precision import mixed_precision
from engine.training.run.run_folder import RunFolder
from engine.training.run.seeding import LEGACY_CODEC, VERSION, StepSeeds, Stream
from engine.training.run.throughput import Work
from engine.training.settings import CodecRun

STATISTICS_CLIPS = 512
LEAST_HEARD = 8
"""Least number of a sound's frames in a crop."""


def part_weights(form: FrameFormat) -> Tensor:
    """Return each feature's weight in the initial, linear code: (form.layout.size,)."""
    weights = torch.ones(form.layout.size)
    by_bin = frequency_weights(form)
    tonal = by_bin[: form.tonal_bins] / by_bin[: form.tonal_bins].mean()
    weights[form.layout.magnitude] = by_bin.repeat(2).sqrt()
    weights[form.layout.deviation] = 0.3 * tonal.repeat(2).sqrt()
    weights[form.layout.envelope] = 4.0
    weights[form.layout.noise] = 0.5
    return weights


@torch.no_grad()
def begin_with_principal_components(codec: SpectralCodec, frames: Tensor) -> None:
    """Initialise the codec's statistics and its linear paths by PCA of frames (N, features)."""
    layout = codec.format.layout
    codec.mean.copy_(frames.mean(0))
    # One deviation for each part, so that silence in rare bins is not amplified.
    for part in (layout.magnitude, layout.deviation, layout.noise, layout.envelope):
        codec.deviation[part] = frames[:, part].std()
    codec.deviation[layout.balance] = 0.5
    codec.deviation[layout.coherence] = 0.5
    weights = part_weights(codec.format)
    weighted = (frames - codec.mean) / codec.deviation * weights
    _, scale, axes = torch.svd_lowrank(weighted, codec.config.latent_dim, niter=4)
    spread = scale / len(frames) ** 0.5
    if codec.config.variational:
        spread = spread.mean()
        codec.encoder_skip.weight.copy_(axes.T * weights / spread)
        codec.decoder_skip.weight.copy_(axes * spread / weights[:, None])
        return
    # Noise in proportion to each channel costs least where components are scaled by the root of
    # their deviation and spread evenly over all channels.
    turn = torch.linalg.qr(torch.randn(len(spread), len(spread)))[0]
    code = turn / (spread * spread.mean()).sqrt()
    codec.encoder_skip.weight.copy_(code @ (axes.T * weights) / codec.skip_gain)
    back = turn * (spread * spread.mean()).sqrt()
    codec.decoder_skip.weight.copy_(axes @ back.T / weights[:, None] / codec.skip_gain)


def _frames_of(buckets: list[LengthBucket]) -> Tensor:
    """Return frames (N, features) of a sample of sounds, by each bucket's share of them."""
    every = sum(len(bucket) for bucket in buckets)
    frames = []
    for bucket in buckets:
        picks = np.linspace(
            0, len(bucket) - 1, max(1, min(len(bucket), STATISTICS_CLIPS * len(bucket) // every))
        )
        frames.append(bucket.rows(picks.astype(np.int64)).flatten(0, 1))
    return torch.cat(frames)


def _crops(
    buckets: list[LengthBucket], run: CodecRun, rng: np.random.Generator, version: int
) -> Tensor:
    """Draw crops (B, crop_frames, features) from one bucket, for all processes."""
    shares = np.array([len(bucket) for bucket in buckets]) / sum(len(bucket) for bucket in buckets)
    bucket = buckets[rng.choice(len(buckets), p=shares)]
    parts = run.scale.accumulate * distributed.world_size()
    chosen = rng.integers(0, len(bucket), run.optimiser.batch * parts)
    length = min(run.crop_frames, bucket.values.shape[1])
    latest = np.full(len(chosen), bucket.values.shape[1] - length)
    if version > 1:
        # No crop begins in the silence after a sound.
        ends = np.array([bucket.sounds[place].seconds for place in chosen]) * RATE_HZ / FRAME
        latest = np.clip(ends.astype(np.int64) - LEAST_HEARD, 0, latest)
    # Half of the crops begin at the attack, which is where percussive sounds are.
    starts = np.where(rng.random(len(chosen)) < 0.5, 0, rng.integers(0, latest + 1))
    rows = [bucket.values[i, s : s + length] for i, s in zip(chosen, starts, strict=True)]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def train_codec(run: CodecRun, folder: RunFolder) -> None:
    """Train until run.optimiser.steps, resuming from the folder's checkpoint."""
    device = choose_device()
    torch.manual_seed(run.seed)
    given = run.refine or run.begin
    codec = load_codec(Path(given)) if given else SpectralCodec(run.codec)
    if codec.config != run.codec:
        raise RunError(f"The sizes of [codec] must be those of {given}: {codec.config}.")
    for name, parameter in codec.named_parameters():
        parameter.requires_grad_(not (run.refine and name.startswith("encoder")))
    buckets = fill_pool(
        run.pool,
        codec.analyse,
        folder.path / "pool",
        folder.note,
        device,
    )
    checkpoint = folder.load()
    if checkpoint is None and not given:
        begin_with_principal_components(codec, _frames_of(buckets))
    trainer = CodecTrainer(run, codec.to(device), buckets, checkpoint, device)
    run_steps(trainer, run.optimiser, folder, checkpoint)
    _finish(run, codec, trainer.optimizer, buckets, folder)


@dataclass(frozen=True, slots=True)
class Pair:
    """Real frames and the decoder's, which carry no gradient."""

    real: Tensor
    made: Tensor


@dataclass(frozen=True, slots=True)
class CodecLosses:
    """Terms of the codec's loss by name ("loss" is the weighted sum), and the decoded frames."""

    terms: dict[str, Tensor]
    made: Tensor


class CodecTrainer(Trainer):
    """Updates the codec at every step, and then its critics, if any."""

    def __init__(
        self,
        run: CodecRun,
        codec: SpectralCodec,
        buckets: list[LengthBucket],
        checkpoint: State | None,
        device: str,
    ) -> None:
        self.seeds = StepSeeds.of_run(run.seed, checkpoint, LEGACY_CODEC)
        self.run, self.codec, self.buckets = run, codec, buckets
        # Runs on frames of two windows have always been of version 2.
        self.version = self.seeds.version if codec.format == ONE_WINDOW else VERSION
        self.optimizer = OptimizerState(codec, run.optimiser)
        self.critics: SpectralCritics | None = None
        self.critic_opt: OptimizerState | None = None
        if run.critics.weight:
            # The same initial weights for a new run and a resumed one, which restores them later.
            torch.manual_seed(run.seed)
            self.critics = SpectralCritics(run.critics.width).to(device)
            self.critic_opt = OptimizerState(self.critics, run.optimiser)

    def state(self) -> State:
        """Return weights and optimisers of codec and critics."""
        state = {OPTIMIZER_KEY: self.optimizer.state()}
        return state if self.critic_opt is None else {**state, "critics": self.critic_opt.state()}

    def restore(self, state: State) -> None:
        """Restore weights and optimisers of codec and critics."""
        self.optimizer.restore(state[OPTIMIZER_KEY])
        if self.critic_opt is not None:
            self.critic_opt.restore(state["critics"])

    def step(self, step: int) -> StepResult:
        """Update the codec, then its critics, on new crops."""
        crops = _crops(self.buckets, self.run, self.seeds.rng(step, Stream.BATCH), self.version)
        values: list[dict[str, float]] = []
        pairs: list[Pair] = []
        count = self.run.scale.accumulate
        norm = self.optimizer.update_microbatches(
            self.codec_parts(crops, step, values, pairs), count, step
        )
        found = {name: float(np.mean([part[name] for part in values])) for name in values[0]}
        found["gradient"] = norm
        if self.critic_opt is not None:
            judged: list[float] = []
            norm = self.critic_opt.update_microbatches(
                self.critic_parts(pairs, judged), count, step
            )
            found |= {"critic": float(np.mean(judged)), "critic_gradient": norm}
        found["rate"] = self.optimizer.learning_rate(step + 1)
        return StepResult(Work(len(crops)), latest=found)

    def codec_parts(
        self, crops: Tensor, step: int, values: list[dict[str, float]], pairs: list[Pair]
    ) -> Iterator[Tensor]:
        """Yield the codec's loss of each microbatch of this process, of crops (B, L, features).

        Appends the terms of each to `values`, and its frames to `pairs` if there are critics.
        """
        device = self.codec.mean.device
        random = self.seeds.generator(step, Stream.NOISE, device)
        shape = (*crops.shape[:2], self.codec.config.latent_dim)
        noise = draw_latent_noise(shape, self.run.latent_noise, random)
        if self.critics is not None:
            self.critics.requires_grad_(False)
        for share in distributed.microbatches(len(crops), self.run.scale.accumulate):
            frames = crops[share].to(device)
            found = codec_losses(self.codec, frames, noise.part(share), self.run, self.version)
            terms = found.terms
            if self.critics is not None:
                pleasing = self.pleasing(frames, found.made)
                total = terms["loss"] + torch.stack(list(pleasing.values())).sum()
                terms = {**terms, **pleasing, "loss": total}
                pairs.append(Pair(frames, found.made.detach()))
            values.append({name: float(term.detach()) for name, term in terms.items()})
            yield terms["loss"]

    def pleasing(self, frames: Tensor, made: Tensor) -> dict[str, Tensor]:
        """Return the decoder's weighted adversarial and feature matching losses."""
        assert self.critics is not None
        weights = self.run.critics
        # In bfloat16 the views would lose differences below a decibel.
        form = self.codec.format
        views, looked_at = views_of(frames, form), views_of(made, form)
        with mixed_precision(self.run.scale, frames.device):
            with torch.no_grad():
                real = self.critics(views)
            judged = self.critics(looked_at)
        return {
            "adversarial": weights.weight * adversarial_loss(judged),
            "matching": weights.weight * weights.matching * matching_loss(real, judged),
        }

    def critic_parts(self, pairs: list[Pair], values: list[float]) -> Iterator[Tensor]:
        """Yield the critics' loss of each microbatch that the codec was just trained on."""
        assert self.critics is not None
        self.critics.requires_grad_(True)
        for pair in pairs:
            form = self.codec.format
            views, looked_at = views_of(pair.real, form), views_of(pair.made, form)
            with mixed_precision(self.run.scale, pair.real.device):
                judged = self.critics(views), self.critics(looked_at)
            loss = critic_loss(*judged)
            values.append(float(loss.detach()))
            yield loss


def codec_losses(
    codec: SpectralCodec, frames: Tensor, noise: LatentNoise, run: CodecRun, version: int
) -> CodecLosses:
    """Return the losses of frames (B, L, features) and the code's noise, without the critics'."""
    form = codec.format
    with mixed_precision(run.scale, frames.device):
        mean, log_variance = codec.posterior(frames)
        code = mean.float()
        if codec.config.variational:
            code = code + noise.unit * (0.5 * log_variance.float()).exp()
        if run.latent_noise:
            follow_latents(codec, mean.detach().float())
            code = code + noise.added * codec.latent_deviation
        made = codec.frames_from_code(code, noise.levels).float()
    audible = None
    if run.nearby_reference:
        loudness = frames[..., form.layout.magnitude].unflatten(-1, (2, form.bins))
        audible = audible_nearby(loudness, form)
    losses = reconstruction_losses(made, frames, form, audible, version)
    # A second cast: gradients of both uses are summed in the precision of the encoder.
    divergence = kl_divergence(mean.float(), log_variance.float())
    if run.pitch_weight:
        losses["pitch"] = run.pitch_weight * pitch_loss(made, frames, form)
    if run.resolution_weight:
        losses["resolution"] = run.resolution_weight * resolution_loss(made, frames, form, version)
    total = torch.stack(list(losses.values())).sum() + run.kl_weight * divergence
    return CodecLosses({"loss": total, "kl": divergence, **losses}, made)


@torch.no_grad()
def _finish(
    run: CodecRun,
    codec: SpectralCodec,
    optimizer: OptimizerState,
    buckets: list[LengthBucket],
    folder: RunFolder,
) -> None:
    """Measure the latents' statistics and write the EMA weights to codec.pt."""
    codec.load_state_dict(optimizer.ema)
    if run.refine:
        folder.save({CODEC_KEY: codec.state_dict()}, CODEC_WEIGHTS)
        return
    device = codec.mean.device
    means = []
    for bucket in buckets:
        picks = np.linspace(0, len(bucket) - 1, min(STATISTICS_CLIPS, len(bucket)))
        for part in np.array_split(picks.astype(np.int64), max(1, len(picks) // 32)):
            means.append(codec.posterior(bucket.rows(part).to(device))[0].flatten(0, 1).cpu())
    every = torch.cat(means)
    codec.latent_mean.copy_(every.mean(0))
    # A channel that hardly varies carries little: it must not be scaled up to the others.
    spread = every.std(0)
    codec.latent_deviation.copy_(spread.clamp_min(0.5 * float(spread.median())))
    folder.save({CODEC_KEY: codec.state_dict()}, CODEC_WEIGHTS)
