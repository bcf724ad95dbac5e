"""Notes and drums of a General MIDI soundfont as a corpus, with exact captions.

Training process. `tinysoundfont` renders them; it is imported at the first sound, and asks at its
import for pyaudio, which it needs for live playing alone.
"""

from __future__ import annotations

import math
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.clip import SAMPLE_RATE_HZ
from engine.corpus.captions.captions import note_name
from engine.corpus.sources.general_midi import DRUMS, PROGRAMS, kit_name
from engine.corpus.sources.held_out import is_held_out
from engine.corpus.sources.listing import CorpusError
from engine.corpus.sources.production import fit, produce
from engine.corpus.sources.rendered import CorpusBatch, Sound, seed_of
from engine.corpus.sources.soundfont_file import Preset, read_presets

LOWEST, HIGHEST = 28, 98
DRUM_SHARE, CHORD_SHARE, PHRASE_SHARE = 0.3, 0.14, 0.12
LOUD_VELOCITY, SOFT_VELOCITY = 100, 60
MOST_TRIES = 50
CHORDS = {"major": (0, 4, 7), "minor": (0, 3, 7), "seventh": (0, 4, 7, 10), "fifth": (0, 7)}


@dataclass(frozen=True, slots=True)
class _Note:
    """A key of a preset: when it is struck and let go, in samples, and how hard."""

    key: int
    start: int
    end: int
    velocity: int


class SoundfontCorpus:
    """Sounds by number: a batch is the same for the same file, seed, split, index and size.

    Held out are whole instruments, in all soundfonts alike, since two of them may share samples.
    """

    def __init__(
        self, path: Path, seed: int, split: str = "train", sample_rate: int = SAMPLE_RATE_HZ
    ) -> None:
        self.path, self.seed, self.split, self.sample_rate = path, seed, split, sample_rate
        held = split == "held_out"
        presets = read_presets(path)
        self.programs = [
            preset
            for preset in presets
            if preset.bank == 0 and is_held_out(f"program {preset.program}") == held
        ]
        self.drums = [
            (preset, key)
            for preset in presets
            if preset.is_kit
            for key in preset.keys
            # Kits of one group of eight are variations of one.
            if key in DRUMS and is_held_out(f"kit {preset.program // 8}") == held
        ]
        if not self.programs or not self.drums:
            raise CorpusError(f"{path} has no General MIDI instruments, or no kits.")
        self._synth: Any = None
        self._font = 0

    def batch(
        self, index: int, size: int, max_seconds: float, device: torch.device | str = "cpu"
    ) -> CorpusBatch:
        """Sounds of batch `index`, at most max_seconds of each."""
        rng = Random(seed_of(f"{self.path.name}/{self.seed}/{self.split}/{index}/{max_seconds}"))
        made = [self.sound(rng, max_seconds) for _ in range(size)]
        audio = torch.from_numpy(np.stack([samples.T for samples, _ in made]))
        return CorpusBatch(audio.to(device), tuple(sound for _, sound in made))

    def sound(self, rng: Random, max_seconds: float) -> tuple[NDArray[np.float32], Sound]:
        """Draw one sound (frames, 2), padded to max_seconds; what is silent is drawn again."""
        for _ in range(MOST_TRIES):
            samples, caption, pitch = self._draw(rng, round(max_seconds * self.sample_rate))
            found = fit(produce(samples, rng, self.sample_rate), max_seconds, self.sample_rate)
            if found is not None:
                seconds = found.seconds
                return found.samples, Sound(
                    "note", "real", caption, seconds, pitch, None, *([math.nan] * 4)
                )
        raise CorpusError(f"{self.path} is silent.")

    def _draw(self, rng: Random, frames: int) -> tuple[NDArray[np.float32], str, float | None]:
        if rng.random() < DRUM_SHARE:
            preset, key = rng.choice(self.drums)
            velocity = rng.randint(40, 127)
            notes = [_Note(key, 0, frames // 2, velocity)]
            name = f"{kit_name(preset.program)} {DRUMS[key]}".strip()
            return self._render(preset, notes, frames), _with_touch(name, velocity), None
        preset = rng.choice(self.programs)
        keys = [key for key in preset.keys if LOWEST <= key <= HIGHEST] or list(preset.keys)
        root, velocity = rng.choice(keys), rng.randint(40, 127)
        notes, form = _notes(rng, root, velocity, frames, set(keys))
        said = f"{PROGRAMS[preset.program]}, {note_name(root, rng)}"
        caption = _with_touch(f"{said} {form}".strip(), velocity)
        return self._render(preset, notes, frames), caption, float(root) if not form else None

    def _render(self, preset: Preset, notes: list[_Note], frames: int) -> NDArray[np.float32]:
        synth = self._open()
        channel = 9 if preset.is_kit else 0
        synth.program_select(channel, self._font, preset.bank, preset.program)
        events = sorted(
            [(note.start, 1, note) for note in notes] + [(note.end, 0, note) for note in notes],
            key=lambda event: event[:2],
        )
        pieces, now = [], 0
        for asked, is_start, note in [*events, (frames, 0, None)]:
            place = min(asked, frames)
            if place > now:
                pieces.append(np.frombuffer(bytes(synth.generate(place - now)), np.float32))
                now = place
            if note is not None and is_start:
                synth.noteon(channel, note.key, note.velocity)
            elif note is not None:
                synth.noteoff(channel, note.key)
        synth.sounds_off(channel)
        # What still rings in the synthesizer's effects must not begin the next sound.
        synth.generate(64)
        return np.concatenate(pieces).reshape(-1, 2).copy()

    def _open(self) -> Any:  # noqa: ANN401 - the renderer is untyped
        if self._synth is None:
            sys.modules.setdefault("pyaudio", types.ModuleType("pyaudio"))
            try:
                import tinysoundfont
            except ImportError as error:
                raise CorpusError(
                    "Soundfonts need tinysoundfont: pip install --no-deps tinysoundfont"
                ) from error
            self._synth = tinysoundfont.Synth(samplerate=self.sample_rate)
            self._font = self._synth.sfload(str(self.path))
        return self._synth


def _notes(
    rng: Random, root: int, velocity: int, frames: int, keys: set[int]
) -> tuple[list[_Note], str]:
    """The notes of a sound, and how they go together: a chord's name, "phrase", or nothing."""
    held = int(frames * rng.uniform(0.05, 1.0))
    style = rng.random()
    if style < CHORD_SHARE:
        form = rng.choice(list(CHORDS))
        chord = [root + step for step in CHORDS[form] if root + step in keys]
        strum = rng.choice((0, 0, 0, rng.randint(200, 2000)))
        return [_Note(key, i * strum, held + i, velocity) for i, key in enumerate(chord)], form
    if style < CHORD_SHARE + PHRASE_SHARE:
        count = rng.randint(2, 8)
        step = frames // (count + 1)
        scale = [key for key in range(root - 7, root + 13) if key in keys] or [root]
        length = max(1, int(step * rng.uniform(0.3, 1.2)))
        return [
            _Note(rng.choice(scale), i * step, i * step + length, rng.randint(50, 120))
            for i in range(count)
        ], "phrase"
    return [_Note(root, 0, held, velocity)], ""


def _with_touch(name: str, velocity: int) -> str:
    if velocity >= LOUD_VELOCITY:
        return f"{name}, hard"
    return f"{name}, soft" if velocity < SOFT_VELOCITY else name
