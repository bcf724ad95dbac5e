"""Training of the spectral codec: phase-free frames through a noisy bottleneck.

By regression, and where the config wants it, against critics that are trained in turn with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.api import EngineError
from engine.files.strict import ConfigError
from engine.hardware.device import choose_device
from engine.library.card import CARD_FILE, ModelCard
from engine.loading.model_folder import PingpadModel, load_model
from engine.models.spectral_codec import SpectralCodec
from engine.models.spectral_critics import SpectralCritics, views_of
from engine.sound import spectral_features
from engine.sound.spectral_features import BINS, LAYOUT, TONAL_BINS
from engine.training.codec.losses import (
    adversarial_loss,
    critic_loss,
    frequency_weights,
    kl_divergence,
    matching_loss,
    pitch_loss,
    reconstruction_losses,
    resolution_loss,
)
from engine.training.pool import LengthBucket, fill_pool
from engine.training.run import distributed
from engine.training.run.checkpoint import OPTIMIZER_KEY
from engine.training.run.errors import RunError
from engine.training.run.loop import State, StepResult, Trainer, run_steps
from engine.training.run.optimizer import OptimizerState
from engine.training.run.precision import mixed_precision
from engine.training.run.run_folder import RunFolder
from engine.training.run.seeding import LEGACY_CODEC, StepSeeds, Stream
from engine.training.run.throughput import Work
from engine.training.settings import CodecRun, read_run

STATISTICS_CLIPS = 512


def part_weights() -> Tensor:
    """How much each feature counts in the first, linear code: (LAYOUT.size,)."""
    weights = torch.ones(LAYOUT.size)
    weights[LAYOUT.magnitude] = frequency_weights(BINS).repeat(2).sqrt()
    weights[LAYOUT.deviation] = 0.3 * frequency_weights(TONAL_BINS).repeat(2).sqrt()
    weights[LAYOUT.envelope] = 4.0
    weights[LAYOUT.noise] = 0.5
    return weights


@torch.no_grad()
def begin_with_principal_components(codec: SpectralCodec, frames: Tensor) -> None:
    """Set the codec's statistics and its linear paths from frames (N, LAYOUT.size)."""
    codec.mean.copy_(frames.mean(0))
    # One deviation a part: silence in rare bins must not be blown up.
    for part in (LAYOUT.magnitude, LAYOUT.deviation, LAYOUT.noise, LAYOUT.envelope):
        codec.deviation[part] = frames[:, part].std()
    codec.deviation[LAYOUT.balance] = 0.5
    codec.deviation[LAYOUT.coherence] = 0.5
    weights = part_weights()
    weighted = (frames - codec.mean) / codec.deviation * weights
    _, scale, axes = torch.svd_lowrank(weighted, codec.config.latent_dim, niter=4)
    spread = (scale / len(frames) ** 0.5).mean()
    codec.encoder_skip.weight.copy_(axes.T * weights / spread)
    codec.decoder_skip.weight.copy_(axes * spread / weights[:, None])


def _crops(buckets: list[LengthBucket], run: CodecRun, rng: np.random.Generator) -> Tensor:
    """Random stretches (B, crop_frames, LAYOUT.size) from one bucket, for all processes."""
    shares = np.array([len(bucket) for bucket in buckets]) / sum(len(bucket) for bucket in buckets)
    bucket = buckets[rng.choice(len(buckets), p=shares)]
    parts = run.scale.accumulate * distributed.world_size()
    chosen = rng.integers(0, len(bucket), run.optimiser.batch * parts)
    length = min(run.crop_frames, bucket.values.shape[1])
    # Half of the crops begin at the attack, which is where percussive sounds are.
    latest = bucket.values.shape[1] - length
    starts = np.where(rng.random(len(chosen)) < 0.5, 0, rng.integers(0, latest + 1, len(chosen)))
    rows = [bucket.values[i, s : s + length] for i, s in zip(chosen, starts, strict=True)]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def load_trained_codec(folder: Path) -> SpectralCodec:
    """Return the codec of a finished codec run or of a model folder; raises RunError."""
    if (folder / CARD_FILE).exists():
        return load_own_model(folder)[0].codec
    try:
        run = read_run(folder / "config.toml")
        state = torch.load(folder / "codec.pt", map_location="cpu", weights_only=True)["codec"]
    except (FileNotFoundError, ConfigError) as error:
        raise RunError(f"{folder} holds no finished codec: train one first.") from error
    if not isinstance(run, CodecRun):
        raise RunError(f"{folder} is no codec run.")
    codec = SpectralCodec(run.codec)
    codec.load_state_dict(state)
    return codec.eval()


def load_own_model(folder: Path) -> tuple[PingpadModel, ModelCard]:
    """Load a model folder of our own layout to train on from it; raises RunError."""
    try:
        model, card = load_model(folder)
    except EngineError as error:
        raise RunError(str(error)) from error
    if not isinstance(model, PingpadModel):
        raise RunError(f"{folder} is a published model: only models of our own layout train on.")
    return model, card


def train_codec(run: CodecRun, folder: RunFolder) -> None:
    """Train until run.optimiser.steps, going on from the folder's checkpoint."""
    device = choose_device()
    torch.manual_seed(run.seed)
    codec = load_trained_codec(Path(run.refine)) if run.refine else SpectralCodec(run.codec)
    if codec.config != run.codec:
        raise RunError(f"The sizes of [codec] must be those of {run.refine}: {codec.config}.")
    for name, parameter in codec.named_parameters():
        parameter.requires_grad_(not (run.refine and name.startswith("encoder")))
    buckets = fill_pool(
        run.pool,
        spectral_features.analyse,
        folder.path / "pool",
        folder.note,
        device,
    )
    checkpoint = folder.load()
    if checkpoint is None and not run.refine:
        picks = np.linspace(0, len(buckets[0]) - 1, min(STATISTICS_CLIPS, len(buckets[0])))
        frames = buckets[0].rows(picks.astype(np.int64)).flatten(0, 1)
        begin_with_principal_components(codec, frames)
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
    """Terms of the codec's loss by name, "loss" their weighted sum, and the decoded frames."""

    terms: dict[str, Tensor]
    made: Tensor


class CodecTrainer(Trainer):
    """One step after the other: the codec's, then its critics' where there are any."""

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
        self.optimizer = OptimizerState(codec, run.optimiser)
        self.critics: SpectralCritics | None = None
        self.critic_opt: OptimizerState | None = None
        if run.critics.weight:
            # The same first weights whether the run begins or goes on, until they are restored.
            torch.manual_seed(run.seed)
            self.critics = SpectralCritics(run.critics.width).to(device)
            self.critic_opt = OptimizerState(self.critics, run.optimiser)

    def state(self) -> State:
        """Return the weights and optimisers of codec and critics."""
        state = {OPTIMIZER_KEY: self.optimizer.state()}
        return state if self.critic_opt is None else {**state, "critics": self.critic_opt.state()}

    def restore(self, state: State) -> None:
        """Put back the weights and optimisers of codec and critics."""
        self.optimizer.restore(state[OPTIMIZER_KEY])
        if self.critic_opt is not None:
            self.critic_opt.restore(state["critics"])

    def step(self, step: int) -> StepResult:
        """Update the codec, then its critics, on new crops."""
        crops = _crops(self.buckets, self.run, self.seeds.rng(step, Stream.BATCH))
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
        """Yield this process's parts of the codec's loss for crops (B, L, LAYOUT.size) of all.

        Adds what each part's terms and frames are.
        """
        device = self.codec.mean.device
        random = self.seeds.generator(step, Stream.NOISE, device)
        shape = (*crops.shape[:2], self.codec.config.latent_dim)
        noise = torch.randn(shape, generator=random, device=device)
        if self.critics is not None:
            self.critics.requires_grad_(False)
        for share in distributed.microbatches(len(crops), self.run.scale.accumulate):
            frames = crops[share].to(device)
            found = codec_losses(self.codec, frames, noise[share], self.run)
            terms = found.terms
            if self.critics is not None:
                pleasing = self.pleasing(frames, found.made)
                total = terms["loss"] + torch.stack(list(pleasing.values())).sum()
                terms = {**terms, **pleasing, "loss": total}
                pairs.append(Pair(frames, found.made.detach()))
            values.append({name: float(term.detach()) for name, term in terms.items()})
            yield terms["loss"]

    def pleasing(self, frames: Tensor, made: Tensor) -> dict[str, Tensor]:
        """The weighted losses that the critics give the decoder."""
        assert self.critics is not None
        weights = self.run.critics
        # Rounded to bfloat16 a view would lose what lies between two decibels.
        views, looked_at = views_of(frames), views_of(made)
        with mixed_precision(self.run.scale, frames.device):
            with torch.no_grad():
                real = self.critics(views)
            judged = self.critics(looked_at)
        return {
            "adversarial": weights.weight * adversarial_loss(judged),
            "matching": weights.weight * weights.matching * matching_loss(real, judged),
        }

    def critic_parts(self, pairs: list[Pair], values: list[float]) -> Iterator[Tensor]:
        """The critics' loss on each part that the codec has just been trained on."""
        assert self.critics is not None
        self.critics.requires_grad_(True)
        for pair in pairs:
            views, looked_at = views_of(pair.real), views_of(pair.made)
            with mixed_precision(self.run.scale, pair.real.device):
                judged = self.critics(views), self.critics(looked_at)
            loss = critic_loss(*judged)
            values.append(float(loss.detach()))
            yield loss


def codec_losses(codec: SpectralCodec, frames: Tensor, noise: Tensor, run: CodecRun) -> CodecLosses:
    """The loss for frames (B, L, LAYOUT.size) and the code's noise, without the critics' part."""
    with mixed_precision(run.scale, frames.device):
        mean, log_variance = codec.posterior(frames)
        code = mean.float() + noise * (0.5 * log_variance.float()).exp()
        made = codec.frames_from_code(code).float()
    losses = reconstruction_losses(made, frames)
    divergence = kl_divergence(mean.float(), log_variance.float())
    if run.pitch_weight:
        losses["pitch"] = run.pitch_weight * pitch_loss(made, frames)
    if run.resolution_weight:
        losses["resolution"] = run.resolution_weight * resolution_loss(made, frames)
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
    """Measure the latents' statistics and leave the averaged weights in codec.pt."""
    codec.load_state_dict(optimizer.ema)
    if run.refine:
        folder.save({"codec": codec.state_dict()}, "codec.pt")
        return
    device = codec.mean.device
    means = []
    for bucket in buckets:
        picks = np.linspace(0, len(bucket) - 1, min(STATISTICS_CLIPS, len(bucket)))
        for part in np.array_split(picks.astype(np.int64), max(1, len(picks) // 32)):
            means.append(codec.posterior(bucket.rows(part).to(device))[0].flatten(0, 1).cpu())
    every = torch.cat(means)
    codec.latent_mean.copy_(every.mean(0))
    # A channel that hardly varies carries little: it must not be blown up to the others' size.
    spread = every.std(0)
    codec.latent_deviation.copy_(spread.clamp_min(0.5 * float(spread.median())))
    folder.save({"codec": codec.state_dict()}, "codec.pt")
