"""Exports a flow run and its codec as a model folder, or a codec run alone. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from engine.api import LONGEST_S
from engine.clip import SAMPLE_RATE_HZ
from engine.files.names import to_table
from engine.files.toml import write_toml
from engine.library.card import ModelCard, Trained, write_card
from engine.loading.model_folder import CONFIG, WEIGHTS, ModelConfig, PingpadModel
from engine.models.spectral_codec import SpectralCodec
from engine.sampling.config import SamplingConfig
from engine.training.codec.codec_folder import write_codec
from engine.training.pretrained import CODEC_WEIGHTS, load_codec
from engine.training.run.checkpoint import ema_weights, read_checkpoint, vocabulary_of
from engine.training.run.errors import RunError
from engine.training.run.half_precision import halve_precision
from engine.training.run.run_folder import CONFIG as RUN_CONFIG
from engine.training.settings import ArcRun, CodecRun, DatasetConfig, FlowRun, read_run

STEPS = 8


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The card's fields that no run folder holds."""

    name: str
    licence: str = "MIT"
    commands: tuple[str, ...] = ()
    notes: str = ""


def export_model(
    run_folder: Path,
    codec_folder: Path,
    target: Path,
    info: ModelInfo,
    sampling: SamplingConfig,
    flow_share: float = 0.0,
) -> None:
    """Write card, config and half-precision weights of a flow or ARC run into `target`.

    `codec_folder` is the codec run whose latents the flow learnt, or one that refined it. Of an ARC
    run's weights `flow_share` (0..1) are those of the flow it began with: a point on the straight
    line between the two ("Robust fine-tuning of zero-shot models", Wortsman et al. 2022).

    Raises RunError when the run has no checkpoint or is of another stage, or the disk is full.
    """
    trained = _read_run(run_folder, flow_share)
    codec = load_codec(codec_folder)
    try:
        config = ModelConfig(
            codec.config, trained.run.transformer, trained.run.conditioner, sampling
        )
    except ValueError as error:
        raise RunError(f"{codec_folder} is not the codec of this run: {error}.") from error
    model = PingpadModel(config, trained.words)
    model.codec = codec
    for part in (model.transformer, model.conditioner):
        prefix = "transformer." if part is model.transformer else "conditioner."
        weights = trained.weights.items()
        part.load_state_dict(
            {k.removeprefix(prefix): v for k, v in weights if k.startswith(prefix)}
        )
    tensors, card = halve_precision(model), _make_card(info, trained)
    try:
        target.mkdir(parents=True, exist_ok=True)
        save_file(tensors, target / WEIGHTS)
        write_toml(target / CONFIG, to_table(config))
        # The card is written last: a folder with a card is complete.
        write_card(target, card)
    except (OSError, SafetensorError) as error:
        raise RunError(f"The model could not be written to {target} ({error}).") from error


@dataclass(frozen=True, slots=True)
class _TrainedFlow:
    """EMA weights of a flow run, or of its post-training, and their origin."""

    run: FlowRun
    weights: dict[str, Tensor]
    words: tuple[str, ...]
    steps: int
    method: str


def _read_run(folder: Path, flow_share: float) -> _TrainedFlow:
    checkpoint = read_checkpoint(folder)
    weights = ema_weights(checkpoint)
    run = read_run(folder / RUN_CONFIG)
    method = "rectified flow"
    if isinstance(run, ArcRun):
        method = "adversarial post-training after a rectified flow"
        if flow_share:
            method += f", of whose weights {flow_share:.0%} are kept"
            flow = ema_weights(read_checkpoint(Path(run.flow)))
            weights = {name: torch.lerp(weights[name], flow[name], flow_share) for name in weights}
        run = read_run(Path(run.flow) / RUN_CONFIG)
    elif flow_share:
        raise RunError(f"{folder} is no ARC run: it has no flow to keep a share of.")
    if not isinstance(run, FlowRun):
        raise RunError(f"{folder} is no flow run.")
    words = vocabulary_of(checkpoint, folder)
    return _TrainedFlow(run, weights, words, checkpoint["step"], method)


def export_codec(run_folder: Path, target: Path, info: ModelInfo) -> None:
    """Write a codec run's averaged weights into `target`, whether the run has ended or not.

    Raises RunError when it is no codec run or has no checkpoint, or the disk is full.
    """
    run = read_run(run_folder / RUN_CONFIG)
    if not isinstance(run, CodecRun):
        raise RunError(f"{run_folder} is no codec run.")
    checkpoint = read_checkpoint(run_folder)
    if (run_folder / CODEC_WEIGHTS).exists():
        codec = load_codec(run_folder)
    else:
        codec = SpectralCodec(run.codec)
        codec.load_state_dict(ema_weights(checkpoint))
    notes = f"{checkpoint['step']} of {run.optimiser.steps} steps. {info.notes}".strip()
    write_codec(codec, Trained(_describe_dataset(run.pool), info.commands, notes), target)


def _describe_dataset(pool: DatasetConfig) -> str:
    if pool.is_own:
        return "A player's own sounds, with their captions."
    if pool.sources:
        return (
            f"{sum(pool.clips)} sounds, {pool.real_share:.0%} of them notes of soundfonts and "
            "recordings that presets/corpus/sources.toml and recordings.csv name with their "
            "licences and authors; the others are rendered by engine/corpus."
        )
    return (
        "Only sound that engine/corpus renders, with the captions it composes: "
        f"{sum(pool.clips)} sounds. No recordings, no downloaded data or weights."
    )


def _make_card(info: ModelInfo, trained: _TrainedFlow) -> ModelCard:
    return ModelCard(
        name=info.name,
        summary="Drums, notes, effects, textures and loops from words or a recording.",
        licence=info.licence,
        sample_rate=SAMPLE_RATE_HZ,
        longest_s=LONGEST_S,
        default_steps=STEPS,
        vocabulary=trained.words,
        trained=Trained(
            on=_describe_dataset(trained.run.pool),
            commands=info.commands,
            notes=" ".join(
                filter(None, (f"{trained.steps} steps of {trained.method}.", info.notes))
            ),
        ),
    )
