"""A folder with a codec alone: sizes, origin and half-precision weights. Needs torch.

A flow is trained on such a codec before there is a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.api import EngineError
from engine.files.names import to_table
from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml, write_toml
from engine.hardware.weights import check_tensors, read_tensors
from engine.library.card import Trained
from engine.models.spectral_codec import SpectralCodec, SpectralCodecConfig
from engine.training.run.errors import RunError
from engine.training.run.half_precision import halve_precision

CODEC_CONFIG = "codec.toml"
CODEC_WEIGHTS = "codec.safetensors"


@dataclass(frozen=True, slots=True)
class CodecFile:
    """The contents of codec.toml."""

    codec: SpectralCodecConfig
    trained: Trained


def write_codec(codec: SpectralCodec, trained: Trained, folder: Path) -> None:
    """Write a codec into `folder`; raises RunError."""
    tensors = halve_precision(codec)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / CODEC_WEIGHTS)
        # The config is written last: a folder with a config is complete.
        write_toml(folder / CODEC_CONFIG, to_table(CodecFile(codec.config, trained)))
    except (OSError, SafetensorError) as error:
        raise RunError(f"The codec could not be written to {folder} ({error}).") from error


def is_codec_folder(folder: Path) -> bool:
    """Return whether `write_codec` made this folder."""
    return (folder / CODEC_CONFIG).exists()


def read_codec(folder: Path) -> SpectralCodec:
    """Read a codec as float32, on the CPU; raises RunError."""
    try:
        config = from_table(CodecFile, read_toml(folder / CODEC_CONFIG), CODEC_CONFIG)
        codec = SpectralCodec(config.codec)
        wanted = codec.state_dict()
        weights = read_tensors(folder / CODEC_WEIGHTS)
        check_tensors({name: tensor.shape for name, tensor in wanted.items()}, weights, folder)
    except (ConfigError, EngineError) as error:
        raise RunError(f"The codec in {folder} cannot be used: {error}") from error
    codec.load_state_dict({name: tensor.to(wanted[name].dtype) for name, tensor in weights.items()})
    return codec.eval()
