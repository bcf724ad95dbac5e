"""Autoencoders measured beside Opus on the same held-out sounds. One process; needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.evaluation.callbacks import ShowLine
from engine.evaluation.measures.codec_measures import CodecErrors, measure_codec_errors
from engine.evaluation.references.examples import Example, render_held_out_examples, stack_clips
from engine.evaluation.references.opus import ADVICE, Coded, OpusTool, code_with_opus
from engine.models.spectral_codec import SpectralCodec
from engine.sound import spectral_features, spectral_synthesis
from engine.training.codec.losses import kl_divergence
from engine.training.pretrained import load_codec

KBIT = (64, 32)
SEED = 1
CLOSE_MS = 3.0
IN_TUNE_CENTS = 50.0
PROGRESS_EVERY = 48


@dataclass(frozen=True, slots=True)
class Coder:
    """A codec with a name: codes and decodes a stereo clip at 44.1 kHz."""

    name: str
    code: Callable[[Clip], Coded]


@dataclass(frozen=True, slots=True)
class CodecFigures:
    """Means over sounds; None where no sound had what is measured.

    `onsets_close` is the share of sharp onsets within CLOSE_MS, `in_tune` of notes within
    IN_TUNE_CENTS, `top_db` the median level of 12 to 16 kHz against the real one's, `width` the
    mean error of the side's share of the energy.
    """

    sounds: int
    kbit: float | None
    log_mel_db: float
    spectral: float
    onset_ms: float | None
    onsets_close: float | None
    onsets: int
    stereo_db: float
    width: float
    top_db: float | None
    in_tune: float | None
    notes: int


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One coder's figures, over all sounds and by family."""

    name: str
    every: CodecFigures
    families: dict[str, CodecFigures]


def compare_codecs(
    folders: Sequence[Path], sounds: int, show: ShowLine, opus: OpusTool | None
) -> list[CodecRow]:
    """Measure the embedded kind of codec in model or run folders, its frames alone, and Opus.

    Without an Opus coder a line says so. Raises RunError for a folder without such a codec.
    """
    coders = [Coder("frames alone", _code_frames_alone)]
    coders += [Coder(folder.resolve().name, _coder_of(load_codec(folder))) for folder in folders]
    if opus is None:
        show(ADVICE)
    else:
        coders += [_opus_coder(opus, kbit) for kbit in KBIT]
    examples = render_held_out_examples(sounds, show)
    return [measure_coder(coder, examples, show) for coder in coders]


def measure_coder(coder: Coder, examples: Sequence[Example], show: ShowLine) -> CodecRow:
    """Code every sound and measure it."""
    errors: list[CodecErrors] = []
    kbits: list[float | None] = []
    for place, example in enumerate(examples):
        real = example.real.stereo()
        coded = coder.code(real)
        errors.append(measure_codec_errors(stack_clips([real])[0], stack_clips([coded.clip])[0]))
        kbits.append(coded.kbit)
        if (place + 1) % PROGRESS_EVERY == 0:
            show(f"{coder.name}: {place + 1} of {len(examples)} sounds")
    names = [example.claims.family or "other" for example in examples]
    places = {name: [i for i, other in enumerate(names) if other == name] for name in set(names)}
    families = {
        name: figures_of([errors[i] for i in places[name]], [kbits[i] for i in places[name]])
        for name in sorted(places)
    }
    return CodecRow(coder.name, figures_of(errors, kbits), families)


def figures_of(errors: Sequence[CodecErrors], kbits: Sequence[float | None]) -> CodecFigures:
    """Means over sounds, over onsets and over notes."""
    onsets = [error for found in errors for error in found.onset_ms]
    notes = [found.pitch_cents for found in errors if found.has_pitch]
    tops = [found.top_db for found in errors if found.top_db is not None]
    return CodecFigures(
        sounds=len(errors),
        kbit=_mean([kbit for kbit in kbits if kbit is not None]),
        log_mel_db=float(np.mean([found.log_mel_db for found in errors])),
        spectral=float(np.mean([found.spectral for found in errors])),
        onset_ms=_mean(onsets),
        onsets_close=_mean([error <= CLOSE_MS for error in onsets]),
        onsets=len(onsets),
        stereo_db=float(np.mean([found.stereo_db for found in errors])),
        width=float(np.mean([abs(found.width) for found in errors])),
        top_db=float(np.median(tops)) if tops else None,
        in_tune=_mean([cents is not None and cents <= IN_TUNE_CENTS for cents in notes]),
        notes=len(notes),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _clip(audio: Tensor, frames: int) -> Clip:
    return Clip(np.ascontiguousarray(audio[:, :frames].numpy().T, np.float32), SAMPLE_RATE_HZ)


@torch.inference_mode()
def _code_frames_alone(clip: Clip) -> Coded:
    """Analyse and resynthesise, without a network: the loss of the frames alone."""
    frames = spectral_features.analyse(stack_clips([clip]))[0]
    return Coded(_clip(spectral_synthesis.synthesise(frames, SEED), clip.frames), None)


def _coder_of(codec: SpectralCodec) -> Callable[[Clip], Coded]:
    """Return the codec at its posterior mean; the rate is the KL divergence of the posterior."""

    @torch.inference_mode()
    def code(clip: Clip) -> Coded:
        frames = codec.analyse(stack_clips([clip]))
        mean, log_variance = codec.posterior(frames)
        made = codec.synthesise(codec.frames_from_code(mean)[0], SEED)
        bits = float(kl_divergence(mean, log_variance)) * frames.shape[1] / math.log(2)
        return Coded(_clip(made, clip.frames), bits / clip.seconds / 1000)

    return code


def _opus_coder(tool: OpusTool, kbit: int) -> Coder:
    return Coder(f"Opus {kbit} ({tool.name})", lambda clip: code_with_opus(tool, kbit, clip))
