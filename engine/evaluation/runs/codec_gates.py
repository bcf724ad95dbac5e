"""The gates of a codec: tests to pass before a flow is trained on it. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.evaluation.measures.codec_measures import log_mel_distance, measure_codec_errors
from engine.evaluation.measures.gate_measures import is_whole, rise_ms, shiver_db, start_ms
from engine.evaluation.references.gate_sounds import (
    MID_FRAME,
    GateSound,
    GateSounds,
    gate_sounds,
)
from engine.evaluation.references.kind_references import KindReferences, measure_traits
from engine.evaluation.references.note_detector import NoteDetector, NoteDetectorError
from engine.evaluation.runs.codec_comparison import CodecFigures, figures_of
from engine.models.spectral_codec import SpectralCodec
from engine.sound.loudness import normalise_loudness
from engine.sound.postprocess import postprocess
from engine.sound.spectral_features import FORMATS, FrameFormat, analyse
from engine.sound.spectral_synthesis import synthesise
from engine.training.pretrained import load_codec

Through = Callable[[Tensor], Tensor]
"""Codes and decodes a sound: (2, T) to (2, T)."""

NOISE = 0.25
"""In deviations of each channel: the error of a good flow."""
COUNT = 24


@dataclass(frozen=True, slots=True)
class GateFigures:
    """Shares of 0..1, decibels and milliseconds.

    `shiver` is of held, ringing and drum sounds; `whole` of chords by their spectrum, `heard` by
    the note detector, if it is here; `alike` of the weak kinds.
    """

    name: str
    whole: float
    heard: float | None
    alike: float
    alike_by_kind: dict[str, str]
    shiver: tuple[float, float, float]
    drum_log_mel: float
    rise_ms: float
    mid_frame_ms: float
    rendered: CodecFigures
    recorded: CodecFigures | None


def measure_gates(
    folders: Sequence[Path], sources: Path | None, show: Callable[[str], None], count: int = COUNT
) -> list[GateFigures]:
    """Measure the frame formats alone, and codecs of run or model folders with and without noise.

    `sources` is the folder of real sounds. Raises RunError for a folder without a codec.
    """
    sounds = gate_sounds(count, sources, show)
    codecs = [(folder.resolve().name, load_codec(folder)) for folder in folders]
    formats = {form.name: form for form in FORMATS.values()}
    ways = [("real", lambda audio: audio)]
    ways += [(f"frames {name}", _frames_alone(form)) for name, form in formats.items()]
    for name, codec in codecs:
        ways.append((name, through_codec(codec, 0.0)))
        ways.append((f"{name} + {NOISE:g}", through_codec(codec, NOISE)))
    notes = find_note_detector(show)
    found = []
    for name, way in ways:
        found.append(measure_codec(name, way, sounds, notes))
        show(gate_line(found[-1]))
    return found


def find_note_detector(show: Callable[[str], None]) -> NoteDetector | None:
    """Return the note detector; if it is missing, show how to get it and return None."""
    try:
        return NoteDetector()
    except NoteDetectorError as error:
        show(str(error))
        return None


def measure_codec(
    name: str, through: Through, sounds: GateSounds, notes: NoteDetector | None = None
) -> GateFigures:
    """Code all sounds and measure the results."""
    chords = [through(sound.audio) for sound in sounds.chords]
    drums = [through(sound.audio) for sound in sounds.drums]
    alike = {
        kind: [_is_alike(through(sound.audio), sound, sounds.references) for sound in group]
        for kind, group in _by_kind(sounds.weak).items()
    }
    return GateFigures(
        name=name,
        whole=float(
            np.mean([is_whole(c, s.pitches) for c, s in zip(chords, sounds.chords, strict=True)])
        ),
        heard=None if notes is None else _heard_share(chords, sounds.chords, notes),
        alike=float(np.mean([right for group in alike.values() for right in group])),
        alike_by_kind={kind: f"{sum(group)}/{len(group)}" for kind, group in alike.items()},
        shiver=(
            _shiver(through, sounds.held),
            _shiver(through, sounds.ringing),
            float(
                np.median(
                    [shiver_db(d, s.seconds) for d, s in zip(drums, sounds.drums, strict=True)]
                )
            ),
        ),
        drum_log_mel=float(
            np.mean(
                [log_mel_distance(s.audio, d) for s, d in zip(sounds.drums, drums, strict=True)]
            )
        ),
        rise_ms=float(np.median([rise_ms(made) for made in drums])),
        mid_frame_ms=float(np.median([_mid_frame_error(through, s) for s in sounds.drums])),
        rendered=_codec_figures(through, sounds.rendered),
        recorded=_codec_figures(through, sounds.recorded) if sounds.recorded else None,
    )


def gate_line(found: GateFigures) -> str:
    """Format one coder's figures as a line."""
    shiver = " ".join(f"{value:.2f}" for value in found.shiver)
    heard = "" if found.heard is None else f" (heard {found.heard:.0%})"
    kinds = " ".join(f"{kind} {share}" for kind, share in found.alike_by_kind.items())
    line = (
        f"{found.name}: chords {found.whole:.0%}{heard} alike {found.alike:.0%} shiver {shiver} "
        f"drums {found.drum_log_mel:.2f} dB rise {found.rise_ms:.1f} ms "
        f"mid-frame {found.mid_frame_ms:.2f} ms | rendered {_codec_cells(found.rendered)}"
    )
    if found.recorded is not None:
        line += f" | recorded {_codec_cells(found.recorded)}"
    return f"{line} | {kinds}"


def _codec_cells(figures: CodecFigures) -> str:
    in_tune = "–" if figures.in_tune is None else f"{figures.in_tune:.0%}"
    close = "–" if figures.onsets_close is None else f"{figures.onsets_close:.0%}"
    return f"{figures.log_mel_db:.2f} dB, in tune {in_tune}, onsets {close}"


def _frames_alone(form: FrameFormat) -> Through:
    @torch.inference_mode()
    def through(audio: Tensor) -> Tensor:
        return synthesise(analyse(audio[None], form)[0], 1, form)[:, : audio.shape[-1]].clone()

    return through


def through_codec(codec: SpectralCodec, noise: float) -> Through:
    """Return a codec with white noise on its latents, in deviations of their channels.

    A noise-conditioned decoder is given the level.
    """
    level = torch.tensor([noise])

    @torch.inference_mode()
    def through(audio: Tensor) -> Tensor:
        mean, _ = codec.posterior(codec.analyse(audio[None]))
        random = torch.Generator().manual_seed(audio.shape[-1])
        added = noise * codec.latent_deviation * torch.randn(mean.shape, generator=random)
        frames = codec.frames_from_code(mean + added, level)[0]
        return codec.synthesise(frames, 1)[:, : audio.shape[-1]].clone()

    return through


def _heard_share(made: Sequence[Tensor], sounds: Sequence[GateSound], notes: NoteDetector) -> float:
    """Return the share of chords in which the note detector hears all notes."""
    clips = [
        Clip(
            np.ascontiguousarray(chord[:, : round(s.seconds * SAMPLE_RATE_HZ)].numpy().T),
            SAMPLE_RATE_HZ,
        )
        for chord, s in zip(made, sounds, strict=True)
    ]
    return float(np.mean([notes.hears(c, s.pitches) for c, s in zip(clips, sounds, strict=True)]))


def _by_kind(sounds: Sequence[GateSound]) -> dict[str, list[GateSound]]:
    groups: dict[str, list[GateSound]] = {}
    for sound in sounds:
        groups.setdefault(sound.kind, []).append(sound)
    return groups


def _is_alike(made: Tensor, sound: GateSound, references: KindReferences) -> bool:
    loud = normalise_loudness(made[None], SAMPLE_RATE_HZ)[0].numpy().T
    clip = postprocess(np.ascontiguousarray(loud), SAMPLE_RATE_HZ)
    return sound.kind in references.nearest_kinds(measure_traits(clip))


def _shiver(through: Through, sounds: Sequence[GateSound]) -> float:
    return float(np.median([shiver_db(through(sound.audio), sound.seconds) for sound in sounds]))


def _mid_frame_error(through: Through, sound: GateSound) -> float:
    """Return how far the onset of a drum moves that begins in the middle of a frame (ms)."""
    late = functional.pad(sound.audio, (MID_FRAME, 0))
    return abs(start_ms(through(late)) - start_ms(late))


def _codec_figures(through: Through, sounds: Sequence[GateSound]) -> CodecFigures:
    errors = [measure_codec_errors(sound.audio, through(sound.audio)) for sound in sounds]
    return figures_of(errors, [None] * len(errors))
