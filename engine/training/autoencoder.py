"""Training of the spectral codec: regression of phase-free frames through a noisy bottleneck."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.api import EngineError
from engine.device import choose_device
from engine.model_card import CARD_FILE, ModelCard
from engine.model_folder import SoundModel, load_model
from engine.models import spectral_features
from engine.models.spectral_codec import SpectralCodec
from engine.models.spectral_features import BINS, LAYOUT, RATE_HZ, TONAL_BINS, WINDOW
from engine.toml_config import ConfigError
from engine.training import processes
from engine.training.optimising import Optimising
from engine.training.pool import Shelf, fill_pool
from engine.training.run_folder import RunError, RunFolder
from engine.training.scaling import precision
from engine.training.settings import CodecRun, read_run
from engine.training.throughput import Work

STATISTICS_CLIPS = 512


def frequency_weights(bins: int) -> Tensor:
    """Weights (bins,) of mean 1 that fall with frequency about as the ear's resolution does."""
    weights = 1 / (torch.arange(bins) * (RATE_HZ / WINDOW) + 400)
    return weights / weights.mean()


def reconstruction_losses(made: Tensor, real: Tensor) -> dict[str, Tensor]:
    """Mean absolute errors of frames (B, L, LAYOUT.size), part by part.

    Frequencies count where there is sound and it is no noise.
    """
    error = (made - real).abs()
    magnitude = error[..., LAYOUT.magnitude].unflatten(-1, (2, BINS))
    loudness = real[..., LAYOUT.magnitude].unflatten(-1, (2, BINS))
    heard = torch.sigmoid((loudness - loudness.amax(-1, keepdim=True) + 1.6) * 6)
    weights = frequency_weights(BINS).to(made)
    deviation = error[..., LAYOUT.deviation].unflatten(-1, (2, TONAL_BINS))
    tonal = (heard * (loudness > -0.6))[..., :TONAL_BINS] * weights[:TONAL_BINS]
    return {
        "magnitude": (magnitude * weights * (0.35 + heard)).mean(),
        "deviation": (deviation * tonal).mean() / 3,
        "noise": error[..., LAYOUT.noise].mean() * 0.3,
        "envelope": error[..., LAYOUT.envelope].mean() * 0.5,
        "stereo": (error[..., LAYOUT.balance].mean() + error[..., LAYOUT.coherence].mean()) * 0.15,
    }


def pitch_loss(made: Tensor, real: Tensor) -> Tensor:
    """Mean error of frequencies relative to the frequency, in the loud bins that hold a note."""
    first, last = 1, 64
    error = (made - real).abs()[..., LAYOUT.deviation].unflatten(-1, (2, TONAL_BINS))
    loudness = real[..., LAYOUT.magnitude].unflatten(-1, (2, BINS))
    heard = torch.sigmoid((loudness - loudness.amax(-1, keepdim=True) + 0.8) * 8)
    bins = torch.arange(first, last, device=made.device)
    weights = heard[..., first:last] * (loudness[..., first:last] > 0)
    return (error[..., first:last] * weights / bins).mean()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence from the unit normal in nats, summed over channels, mean over frames."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean()


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


def _crops(shelves: list[Shelf], run: CodecRun, rng: np.random.Generator) -> Tensor:
    """Random stretches (B, crop_frames, LAYOUT.size) from one shelf, for all processes."""
    shares = np.array([len(shelf) for shelf in shelves]) / sum(len(shelf) for shelf in shelves)
    shelf = shelves[rng.choice(len(shelves), p=shares)]
    parts = run.scale.accumulate * processes.count()
    chosen = rng.integers(0, len(shelf), run.optimiser.batch * parts)
    length = min(run.crop_frames, shelf.values.shape[1])
    # Half of the crops begin at the attack, which is where percussive sounds are.
    latest = shelf.values.shape[1] - length
    starts = np.where(rng.random(len(chosen)) < 0.5, 0, rng.integers(0, latest + 1, len(chosen)))
    rows = [shelf.values[i, s : s + length] for i, s in zip(chosen, starts, strict=True)]
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


def load_own_model(folder: Path) -> tuple[SoundModel, ModelCard]:
    """Load a model folder of our own layout to train on from it; raises RunError."""
    try:
        model, card = load_model(folder)
    except EngineError as error:
        raise RunError(str(error)) from error
    if not isinstance(model, SoundModel):
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
    shelves = fill_pool(
        run.pool,
        spectral_features.analyse,
        folder.path / "pool",
        folder.note,
        device,
    )
    state = folder.load()
    if state is None and not run.refine:
        picks = np.linspace(0, len(shelves[0]) - 1, min(STATISTICS_CLIPS, len(shelves[0])))
        frames = shelves[0].rows(picks.astype(np.int64)).flatten(0, 1)
        begin_with_principal_components(codec, frames)
    codec.to(device)
    optimising = Optimising(codec, run.optimiser)
    step = 0
    if state is not None:
        optimising.restore(state["optimising"])
        step = state["step"]
    while step < run.optimiser.steps:
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(hash((run.seed, step)))
        crops = _crops(shelves, run, rng)
        parts: list[dict[str, float]] = []
        losses = _part_losses(codec, crops, run, parts)
        norm = optimising.update_over(losses, run.scale.accumulate, step)
        folder.stopwatch.add(Work(len(crops)))
        step += 1
        if step % run.optimiser.log_every == 0:
            means = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
            values = processes.averaged(means)
            folder.log(step, {**values, "gradient": norm, "rate": optimising.rate(step)})
            folder.show(step, run.optimiser.steps, values)
        if step % run.optimiser.checkpoint_every == 0 or step == run.optimiser.steps:
            folder.save({"optimising": optimising.state(), "step": step})
    _finish(run, codec, optimising, shelves, folder)


def _part_losses(
    codec: SpectralCodec, crops: Tensor, run: CodecRun, values: list[dict[str, float]]
) -> Iterator[Tensor]:
    """This process's parts of a step's loss; adds to `values` what each part's terms are."""
    device = codec.mean.device
    noise = torch.randn((*crops.shape[:2], codec.config.latent_dim), device=device)
    for share in processes.parts(len(crops), run.scale.accumulate):
        losses = codec_losses(codec, crops[share].to(device), noise[share], run)
        values.append({name: float(loss.detach()) for name, loss in losses.items()})
        yield losses["loss"]


def codec_losses(
    codec: SpectralCodec, frames: Tensor, noise: Tensor, run: CodecRun
) -> dict[str, Tensor]:
    """The loss and its terms for frames (B, L, LAYOUT.size) and the code's noise."""
    with precision(run.scale, frames.device):
        mean, log_variance = codec.posterior(frames)
        code = mean.float() + noise * (0.5 * log_variance.float()).exp()
        made = codec.frames_from_code(code).float()
    losses = reconstruction_losses(made, frames)
    divergence = kl_divergence(mean.float(), log_variance.float())
    if run.pitch_weight:
        losses["pitch"] = run.pitch_weight * pitch_loss(made, frames)
    total = torch.stack(list(losses.values())).sum() + run.kl_weight * divergence
    return {"loss": total, "kl": divergence, **losses}


@torch.no_grad()
def _finish(
    run: CodecRun,
    codec: SpectralCodec,
    optimising: Optimising,
    shelves: list[Shelf],
    folder: RunFolder,
) -> None:
    """Measure the latents' statistics and leave the averaged weights in codec.pt."""
    codec.load_state_dict(optimising.average)
    if run.refine:
        folder.save({"codec": codec.state_dict()}, "codec.pt")
        return
    device = codec.mean.device
    means = []
    for shelf in shelves:
        picks = np.linspace(0, len(shelf) - 1, min(STATISTICS_CLIPS, len(shelf)))
        for part in np.array_split(picks.astype(np.int64), max(1, len(picks) // 32)):
            means.append(codec.posterior(shelf.rows(part).to(device))[0].flatten(0, 1).cpu())
    every = torch.cat(means)
    codec.latent_mean.copy_(every.mean(0))
    # A channel that hardly varies carries little: it must not be blown up to the others' size.
    spread = every.std(0)
    codec.latent_deviation.copy_(spread.clamp_min(0.5 * float(spread.median())))
    folder.save({"codec": codec.state_dict()}, "codec.pt")
