"""A finished flow run and its codec as a model folder that the app lists and plays."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.api import LONGEST_S
from engine.model_card import ModelCard, Trained, write_card
from engine.model_folder import CONFIG, WEIGHTS, ModelConfig, SamplingConfig, SoundModel
from engine.models.spectral_features import RATE_HZ
from engine.training.flow import load_trained_codec
from engine.training.run_folder import CHECKPOINT, RunError
from engine.training.settings import ArcRun, FlowRun, read_run

STEPS = 8


def export_model(
    run_folder: Path, target: Path, name: str, licence: str, sampling: SamplingConfig
) -> None:
    """Write card, config and half-precision weights of a flow or ARC run into `target`.

    Raises RunError when the run has no checkpoint or is of another stage.
    """
    run = read_run(run_folder / "config.toml")
    if isinstance(run, ArcRun):
        run = read_run(Path(run.flow) / "config.toml")
    path = run_folder / CHECKPOINT
    if not isinstance(run, FlowRun) or not path.exists():
        raise RunError(f"{run_folder} holds no flow checkpoint: train one first.")
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    codec = load_trained_codec(Path(run.codec))
    words = tuple(checkpoint["vocabulary"])
    config = ModelConfig(codec.config, run.transformer, run.conditioner, sampling)
    model = SoundModel(config, words)
    model.codec = codec
    average: dict[str, Tensor] = checkpoint["optimising"]["average"]
    for part in ("transformer", "conditioner"):
        prefix = part + "."
        own = {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)}
        getattr(model, part).load_state_dict(own)
    target.mkdir(parents=True, exist_ok=True)
    half = {k: v.to(torch.float16).contiguous() for k, v in model.state_dict().items()}
    save_file(half, target / WEIGHTS)
    (target / CONFIG).write_text(_toml(config), encoding="utf-8")
    write_card(target, _card(name, licence, words, checkpoint["step"], run))


def _card(name: str, licence: str, words: tuple[str, ...], steps: int, run: FlowRun) -> ModelCard:
    sounds = sum(run.pool.clips)
    return ModelCard(
        name=name,
        summary="Drums, notes, effects, textures and loops from words or a recording.",
        licence=licence,
        sample_rate=RATE_HZ,
        longest_s=LONGEST_S,
        default_steps=STEPS,
        vocabulary=words,
        trained=Trained(
            on="Only sound that engine/training/corpus renders, with the captions it composes: "
            f"{sounds} sounds. No recordings, no downloaded data or weights.",
            commands=(
                "python main.py train presets/training/embedded-codec.toml --run runs/codec",
                "python main.py train presets/training/embedded-flow.toml --run runs/flow",
            ),
            notes=f"{steps} steps of rectified flow on two cores of a CPU.",
        ),
    )


def _toml(config: ModelConfig) -> str:
    lines = []
    for part in fields(config):
        table = getattr(config, part.name)
        if not is_dataclass(table):
            raise TypeError(f"{part.name} is no table")
        lines.append(f"[{part.name}]")
        for entry in fields(table):
            value = getattr(table, entry.name)
            lines.append(
                f'{entry.name} = "{value}"' if isinstance(value, str) else f"{entry.name} = {value}"
            )
        lines.append("")
    return "\n".join(lines)
