"""The rendered corpus: synthesised sounds by batch number, truly captioned. Training process."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from random import Random

import torch
from torch import Tensor

from engine.clip import SAMPLE_RATE_HZ
from engine.corpus.captions.captions import Plan, compose_caption
from engine.corpus.captions.lexicon import Kind, lexicon, words_of
from engine.corpus.instruments.instruments import INSTRUMENTS, instrument
from engine.corpus.plans.planning import draw_plan
from engine.corpus.sources.listing import CorpusError
from engine.corpus.synthesis.finishing import finish
from engine.corpus.synthesis.patch import Patch

LOWEST_RATE = 40000  # partials reach 19 kHz
HELD_SHARE = 8  # one combination in eight is held out, and one caption in eight
MOST_PLANS = 2000  # of which an eighth is held out, of kinds that vary
HELD_WORDS = 3  # shorter captions are too few to hold any out
DEFAULT_FAMILIES = ("drum", "tonal", "effect", "texture", "loop")
FAMILY_SHARE = {"drum": 0.36, "tonal": 0.4, "effect": 0.08, "texture": 0.06, "loop": 0.1}
KIND_SHARE = 0.03
"""Of a kind that is named among families, where those have the shares above."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The exact properties of a rendered sound, which lies in [0, seconds]; `pitch` is a MIDI note.

    The four properties are 0..1; the caption's words follow from them.
    """

    kind: str
    family: str
    caption: str
    seconds: float
    pitch: float | None
    bpm: float | None
    brightness: float
    decay: float
    drive: float
    space: float


@dataclass(frozen=True, slots=True)
class CorpusBatch:
    """Audio (B, 2, T) float32, peak about 0.9, and what each item is."""

    audio: Tensor
    sounds: tuple[Sound, ...]


def _bucket(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") % HELD_SHARE


def seed_of(name: str) -> int:
    """A batch's seed: far from those of batches with similar names."""
    return int.from_bytes(blake2b(name.encode(), digest_size=7).digest(), "big")


def is_held_caption(text: str) -> bool:
    """Whether a caption is kept out of training; its words count, not their order or capitals."""
    words = words_of(text)
    return len(words) >= HELD_WORDS and _bucket("caption " + " ".join(sorted(words))) == 0


def is_held_combination(plan: Plan) -> bool:
    """Whether a combination of kind, note or tempo, and properties is kept out of training."""
    return _bucket("combination " + plan.combination()) == 0


def check_families(families: tuple[str, ...]) -> None:
    """Raise ValueError where one of them is neither a family of the lexicon nor a kind."""
    known = lexicon().families()
    if not families or not set(families) <= {*known, *lexicon().kinds}:
        raise ValueError(
            f"families must be some of {', '.join(known)}, or kinds of sound, got {list(families)}"
        )


def fitting_kinds(families: tuple[str, ...], max_seconds: float) -> list[Kind]:
    """The kinds of these families that can be as short; raises ValueError where there is none."""
    kinds = [
        kind
        for kind in lexicon().kinds.values()
        if {kind.family, kind.key} & set(families) and kind.seconds.low <= max_seconds
    ]
    if not kinds:
        raise ValueError(f"no kind of {', '.join(families)} fits into {max_seconds:g} seconds")
    return kinds


class RenderedCorpus:
    """Sounds by number: a batch is the same for the same seed, split, index, size and length.

    A family that is named twice is drawn twice as often. Among families there may be kinds: each
    is drawn besides its family. Of the lengths `free_lengths` say nothing of the decay.
    """

    def __init__(
        self,
        seed: int,
        split: str = "train",
        sample_rate: int = SAMPLE_RATE_HZ,
        families: tuple[str, ...] | None = None,
        free_lengths: float = 0.0,
    ) -> None:
        if split not in ("train", "held_out"):
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        if sample_rate < LOWEST_RATE:
            raise ValueError(f"sample_rate must be {LOWEST_RATE} or more, got {sample_rate}")
        self.seed, self.split, self.sample_rate = seed, split, sample_rate
        self.free_lengths = free_lengths
        self.book = lexicon()
        self.families = DEFAULT_FAMILIES if families is None else families
        check_families(self.families)

    def batch(
        self, index: int, size: int, max_seconds: float, device: torch.device | str = "cpu"
    ) -> CorpusBatch:
        """Render batch `index`; T is max_seconds at the rate, every sound fits in max_seconds."""
        seed = self._seed(index, size, max_seconds)
        drawn_pairs = self._draw_pairs(seed, size, max_seconds)
        generator = torch.Generator(device).manual_seed(seed)
        plans = [plan for plan, _ in drawn_pairs]
        frames = round(max_seconds * self.sample_rate)
        audio = render(plans, frames, self.sample_rate, generator)
        return CorpusBatch(audio, tuple(sound_of(plan, said) for plan, said in drawn_pairs))

    def sounds(self, index: int, size: int, max_seconds: float) -> tuple[Sound, ...]:
        """Return the sounds of batch `index` without rendering them."""
        pairs = self._draw_pairs(self._seed(index, size, max_seconds), size, max_seconds)
        return tuple(sound_of(plan, said) for plan, said in pairs)

    def _seed(self, index: int, size: int, max_seconds: float) -> int:
        return seed_of(f"{self.seed}/{self.split}/{index}/{size}/{max_seconds}")

    def _draw_pairs(self, seed: int, size: int, max_seconds: float) -> list[tuple[Plan, str]]:
        """Plans and captions of one batch."""
        rng = Random(seed)
        return [self._draw_pair(rng, max_seconds) for _ in range(size)]

    def _kinds(self, max_seconds: float) -> tuple[list[Kind], list[float]]:
        """The kinds that fit, and how often each is drawn."""
        kinds = fitting_kinds(self.families, max_seconds)
        totals: dict[str, float] = {}
        for kind in kinds:
            totals[kind.family] = totals.get(kind.family, 0.0) + kind.weight
        shares = [
            self.families.count(kind.family)
            * FAMILY_SHARE.get(kind.family, 0.2)
            * kind.weight
            / totals[kind.family]
            + self.families.count(kind.key) * (kind.key not in totals) * KIND_SHARE
            for kind in kinds
        ]
        return kinds, shares

    def _draw_pair(self, rng: Random, max_seconds: float) -> tuple[Plan, str]:
        """Draw a plan and a caption that both belong to this split; raises CorpusError."""
        kinds, shares = self._kinds(max_seconds)
        held = self.split == "held_out"
        for _ in range(MOST_PLANS):
            kind = rng.choices(kinds, shares)[0]
            plan = draw_plan(kind, rng, max_seconds, self.free_lengths)
            if is_held_combination(plan) != held:
                continue
            for _ in range(40):
                said = compose_caption(plan, self.book, rng)
                if is_held_caption(said) == held:
                    return plan, said
        raise CorpusError(
            f"No sound of {', '.join(sorted({kind.key for kind in kinds}))} in {max_seconds:g} s "
            f"belongs to the {self.split} ones: name other families, or the other split."
        )


def render(plans: list[Plan], frames: int, rate: int, generator: torch.Generator) -> Tensor:
    """All plans as audio (B, 2, frames), those of one instrument rendered together."""
    audio = torch.zeros(len(plans), 2, frames, device=generator.device)
    groups: dict[str, list[int]] = {}
    for place, plan in enumerate(plans):
        groups.setdefault(instrument(plan.kind.key, plan.variant.key), []).append(place)
    for name, places in groups.items():
        patch = patch_of([plans[place] for place in places], rate, frames, generator)
        sound = finish(INSTRUMENTS[name](patch), patch)
        audio[torch.tensor(places, device=audio.device), :, : sound.shape[-1]] = sound
    return audio


def patch_of(plans: list[Plan], rate: int, frames: int, generator: torch.Generator) -> Patch:
    """The plans of one instrument as tensors, as long as the longest of them."""
    device = generator.device

    def column(numbers: list[float]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float32, device=device).unsqueeze(1)

    longest = max(plan.seconds for plan in plans)
    return Patch(
        variants=tuple(plan.variant.key for plan in plans),
        forms=tuple(plan.form.key for plan in plans),
        seconds=column([plan.seconds for plan in plans]),
        hertz=column([440 * 2 ** (((plan.pitch or 69) - 69) / 12) for plan in plans]),
        brightness=column([plan.values[0] for plan in plans]),
        decay=column([plan.values[1] for plan in plans]),
        drive=column([plan.values[2] for plan in plans]),
        space=column([plan.values[3] for plan in plans]),
        frames=min(frames, round(longest * rate)),
        rate=rate,
        generator=generator,
        plans=tuple(plans),
    )


def sound_of(plan: Plan, said: str) -> Sound:
    """What a plan and its caption say of the sound."""
    return Sound(
        plan.kind.key, plan.kind.family, said, plan.seconds, plan.pitch, plan.bpm, *plan.values
    )
