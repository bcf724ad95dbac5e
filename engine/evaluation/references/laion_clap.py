"""LAION-CLAP through transformers, if its weights are on disk; never downloads. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.api import EngineError
from engine.clip import SAMPLE_RATE_HZ, Clip

REPOSITORIES = (
    "laion/larger_clap_general",
    "laion/clap-htsat-unfused",
    "laion/clap-htsat-fused",
)
CLAP_RATE_HZ = 48_000


class LaionClap:
    """CLAP (Wu et al. 2023) as an Embedder; see embedders.py."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:  # noqa: ANN401 - untyped
        self._model = model
        self._processor = processor
        self.name = name
        self.scale = float(model.logit_scale_a.detach().exp())

    @torch.inference_mode()
    def audio(self, sounds: Tensor) -> Tensor:
        """Stereo sounds (B, 2, T) at 44.1 kHz to (B, D): mixed to mono, at CLAP's rate."""
        inputs = self._processor.feature_extractor(
            [_mono(sound) for sound in sounds.cpu().numpy()],
            sampling_rate=CLAP_RATE_HZ,
            return_tensors="pt",
        )
        return _vectors(self._model.get_audio_features(**inputs.to(self._model.device)))

    @torch.inference_mode()
    def text(self, prompts: Sequence[str]) -> Tensor:
        """Prompts to (B, D)."""
        inputs = self._processor.tokenizer(
            list(prompts), padding=True, truncation=True, return_tensors="pt"
        )
        return _vectors(self._model.get_text_features(**inputs.to(self._model.device)))


def _mono(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    clip = Clip(np.ascontiguousarray(sound.T.mean(1, keepdims=True)), SAMPLE_RATE_HZ)
    return clip.at_rate(CLAP_RATE_HZ).samples[:, 0]


def _vectors(features: Any) -> Tensor:  # noqa: ANN401 - a tensor, or what holds one
    found: Tensor = getattr(features, "pooler_output", features)
    return found.float().cpu()


def load_clap(folder: Path | None, device: str = "cpu") -> LaionClap:
    """Load from a folder, or from transformers' cache; raises EngineError if it is missing."""
    try:
        from transformers import ClapModel, ClapProcessor
    except ImportError as error:
        raise EngineError(
            f"LAION-CLAP needs transformers ({error}): pip install transformers, then try again."
        ) from error
    for place in REPOSITORIES if folder is None else (str(folder),):
        try:
            model: Any = ClapModel.from_pretrained(place, local_files_only=True)
            processor = ClapProcessor.from_pretrained(place, local_files_only=True)
        except (OSError, ValueError) as error:
            if folder is not None:
                raise EngineError(f"{folder} holds no CLAP that can be read ({error}).") from error
            continue
        return LaionClap(model.eval().to(device), processor, f"LAION-CLAP {Path(place).name}")
    raise EngineError(
        "LAION-CLAP is not on this computer, and Pingpad downloads nothing: put one of "
        f"{', '.join(REPOSITORIES)} into the cache of transformers, or name its folder."
    )
