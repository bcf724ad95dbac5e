"""Loads finished codecs and models to train, export or evaluate with. Needs torch."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.api import EngineError
from engine.files.strict import ConfigError
from engine.library.card import CARD_FILE, ModelCard
from engine.loading.model_folder import PingpadModel, load_model
from engine.models.spectral_codec import SpectralCodec
from engine.training.codec.codec_folder import is_codec_folder, read_codec
from engine.training.run.errors import RunError
from engine.training.run.run_folder import CONFIG
from engine.training.settings import CodecRun, read_run

CODEC_WEIGHTS = "codec.pt"
"""The file that a finished codec run leaves."""
CODEC_KEY = "codec"
"""Key of the weights in that file."""


def load_codec(folder: Path) -> SpectralCodec:
    """Return the codec of a codec's own folder, a model folder, which has a card, or a run."""
    if is_codec_folder(folder):
        return read_codec(folder)
    return codec_of_model(folder) if (folder / CARD_FILE).exists() else load_codec_run(folder)


def load_codec_run(folder: Path) -> SpectralCodec:
    """Return the codec of a finished codec run; raises RunError."""
    try:
        run = read_run(folder / CONFIG)
        state = torch.load(folder / CODEC_WEIGHTS, map_location="cpu", weights_only=True)
    except (FileNotFoundError, ConfigError) as error:
        raise RunError(f"{folder} holds no finished codec: train one first.") from error
    if not isinstance(run, CodecRun):
        raise RunError(f"{folder} is no codec run.")
    codec = SpectralCodec(run.codec)
    codec.load_state_dict(state[CODEC_KEY])
    return codec.eval()


def codec_of_model(folder: Path) -> SpectralCodec:
    """Return the codec inside a model folder; raises RunError."""
    return load_base_model(folder)[0].codec


def load_base_model(folder: Path) -> tuple[PingpadModel, ModelCard]:
    """Load a model folder of our own layout for further training; raises RunError."""
    try:
        model, card = load_model(folder)
    except EngineError as error:
        raise RunError(str(error)) from error
    if not isinstance(model, PingpadModel):
        raise RunError(f"{folder} is a published model: only models of our own layout train on.")
    return model, card
