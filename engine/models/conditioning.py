"""Prompt and length as the transformer's conditioning. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.dit import Conditioning
from engine.models.t5 import T5Config, T5Encoder
from engine.prompts.notes import parse_pitch_class
from engine.prompts.reading import read_prompt
from engine.prompts.tokens import Word, find_tempo

PAD, UNKNOWN, NOTE, NUMBER = range(4)
FIRST_WORD = 4
MODES = frozenset(("minor", "major", "seventh", "dominant", "suspended", "sus"))
"""Words that make a tonic of the letter before them: "a minor", but "a kick"."""
TONIC = 60.0
"""The value of the tonic C, so that tonics have the features of the notes from C4 to B4."""
VALUE_PERIODS = (3.0, 4.0, 6.0, 12.0, 24.0, 48.0, 96.0, 192.0, 384.0, 1536.0)
"""Periods of a number's features: 12 is an octave of note numbers, the long ones are for tempos."""
NOTE_MARK = 2 * len(VALUE_PERIODS)
"""Index, after the features, of the flag for a note; those for a number and a tonic follow."""


@dataclass(frozen=True, slots=True)
class ConditionerConfig:
    """Sizes of the embedded model's text encoder and of its length embedding.

    `pooled` adds the pooled prompt, and notes and tempos by value, to the global condition; `keyed`
    adds tonics by value too, which otherwise are plain words.
    """

    width: int = 256
    layers: int = 3
    heads: int = 4
    ff_width: int = 768
    most_words: int = 48
    longest_s: float = 12.0
    pooled: bool = False
    keyed: bool = False

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit each other."""
        for name in ("layers", "heads", "ff_width", "most_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.width < 4 or self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of heads {self.heads}, at least 4, got {self.width}"
            )
        if not 0 < self.longest_s < math.inf:
            raise ValueError(f"longest_s must be above 0, got {self.longest_s}")
        if self.keyed and not self.pooled:
            raise ValueError("keyed needs pooled: tonics are embedded beside notes and tempos")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Prompts as numbers: ids (B, S), value (B, S), real (B, S), bpm (B,).

    Notes, numbers and tonics have a value; other words have 0.
    """

    ids: Tensor
    values: Tensor
    real: Tensor
    bpm: Tensor

    def to(self, device: torch.device | str) -> Tokens:
        """Return the same on a device."""
        parts = (self.ids, self.values, self.real, self.bpm)
        return Tokens(*(part.to(device) for part in parts))


class PromptTokenizer:
    """Words to ids by a closed vocabulary; notes and numbers become a mark and a value.

    A tonic ("c#" in "c# minor") is a word with a value.
    """

    def __init__(self, vocabulary: Sequence[str], most_words: int) -> None:
        self.vocabulary = tuple(vocabulary)
        self._ids = {word: FIRST_WORD + i for i, word in enumerate(vocabulary)}
        self._most_words = most_words

    def __call__(self, prompts: Sequence[str]) -> Tokens:
        """Tokenize; every row has at least one token, shorter rows are padded."""
        rows = [self._tokenize(prompt) for prompt in prompts]
        length = max(len(row) for row in rows)
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        values = torch.zeros(len(rows), length)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor([token for token, _ in row])
            values[i, : len(row)] = torch.tensor([value for _, value in row])
        bpm = torch.tensor([find_tempo(prompt) or 0.0 for prompt in prompts])
        return Tokens(ids, values, ids != PAD, bpm)

    def _tokenize(self, prompt: str) -> list[tuple[int, float]]:
        row: list[tuple[int, float]] = []
        words = read_prompt(prompt, self._ids).words[: self._most_words]
        for place, word in enumerate(words):
            if word.kind == "note" and word.value is not None:
                row.append((NOTE, word.value))
            elif word.kind == "number" and word.value is not None and word.text not in self._ids:
                row.append((NUMBER, min(word.value, 2000.0)))
            else:
                row.append(
                    (self._ids.get(word.text, UNKNOWN), _read_tonic(words[place : place + 2]))
                )
        return row or [(UNKNOWN, 0.0)]


class NumberEmbedder(nn.Module):
    """A number 0..largest as learnt Fourier features, as in Stable Audio's seconds embedding."""

    def __init__(self, width: int, largest: float) -> None:
        super().__init__()
        self.largest = largest
        self.weights = nn.Parameter(torch.randn(width // 4))
        self.linear = nn.Linear(2 * (width // 4) + 1, width)

    def forward(self, number: Tensor) -> Tensor:
        """Map (B,) to (B, width)."""
        x = (number.float().clamp(0, self.largest) / self.largest)[:, None]
        angle = 2 * math.pi * x * self.weights.float()
        features = torch.cat([x, angle.sin(), angle.cos()], dim=-1)
        out: Tensor = self.linear(features.to(self.linear.weight.dtype))
        return out


class Conditioner(nn.Module):
    """Encodes prompts and seconds for the transformer, and is trained jointly with it."""

    def __init__(self, config: ConditionerConfig, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = PromptTokenizer(vocabulary, config.most_words)
        self.t5 = T5Encoder(
            T5Config(
                vocab_size=FIRST_WORD + len(vocabulary),
                d_model=config.width,
                d_kv=config.width // config.heads,
                d_ff=config.ff_width,
                num_layers=config.layers,
                num_heads=config.heads,
            )
        )
        self.value = nn.Linear(2 * len(VALUE_PERIODS), config.width)
        self.seconds = NumberEmbedder(config.width, config.longest_s)
        self.no_prompt = nn.Parameter(torch.zeros(1, 1, config.width))
        self._initialise()
        if config.pooled:
            # The mean over words, the prompt in one vector, goes into the global condition.
            last = nn.Linear(config.width, config.width)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.pool = nn.Sequential(nn.Linear(config.width, config.width), nn.SiLU(), last)
            # Notes and tempos are added by themselves too: in the mean they would be diluted.
            exact = nn.Linear(2 * config.width, config.width)
            nn.init.zeros_(exact.weight)
            nn.init.zeros_(exact.bias)
            inputs = NOTE_MARK + 2 + config.keyed
            self.exact = nn.Sequential(nn.Linear(inputs, 2 * config.width), nn.SiLU(), exact)

    def _initialise(self) -> None:
        width = self.config.width
        nn.init.normal_(self.t5.shared.weight, std=1.0)
        for name, weight in self.t5.encoder.named_parameters():
            if name.endswith(("q.weight",)):
                nn.init.normal_(weight, std=(width * width / self.config.heads) ** -0.5)
            elif weight.dim() == 2 and "bias" not in name:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)

    def forward(self, tokens: Tokens, seconds: Tensor, keep: Tensor | None = None) -> Conditioning:
        """Encode; `keep` (B,) is False where the prompt is dropped (for guidance)."""
        real, bpm = tokens.real, tokens.bpm
        embedded = self.t5.shared(tokens.ids)
        has_value = (tokens.ids == NOTE) | (tokens.ids == NUMBER)
        embedded = embedded + self.value(value_features(tokens.values)) * has_value[..., None]
        encoded = self.t5(embedded, real) * real[..., None]
        length = self.seconds(seconds)
        if keep is not None:
            dropped = ~keep[:, None]
            encoded = torch.where(dropped[..., None], self.no_prompt.to(encoded.dtype), encoded)
            first = torch.arange(real.shape[1], device=real.device)[None] == 0
            real, bpm = torch.where(dropped, first, real), bpm * keep
        global_cond = length.to(encoded.dtype)
        context = torch.cat([encoded, global_cond[:, None]], dim=1)
        mask = torch.cat([real, torch.ones_like(real[:, :1])], dim=1)
        if self.config.pooled:
            shown = real[..., None].to(encoded.dtype)
            global_cond = global_cond + self.pool((encoded * shown).sum(1) / shown.sum(1))
            given = tokens.real if keep is None else tokens.real & keep[:, None]
            global_cond = global_cond + self._embed_exact_values(tokens, given)
        return Conditioning(context, mask, global_cond, seconds, bpm)

    def _embed_exact_values(self, tokens: Tokens, given: Tensor) -> Tensor:
        """Return what the given notes and numbers add to the global condition: (B, width)."""
        marks = [tokens.ids == NOTE, tokens.ids == NUMBER]
        if self.config.keyed:
            marks.append((tokens.ids >= FIRST_WORD) & (tokens.values > 0))
        kinds = torch.stack(marks, dim=-1)
        features = torch.cat([value_features(tokens.values), kinds.float()], dim=-1)
        weights = (kinds.any(-1) & given)[..., None]
        added: Tensor = (self.exact(features) * weights).sum(1)
        return added


def _read_tonic(words: Sequence[Word]) -> float:
    """Return the value of the first word if the second makes a tonic of it, else 0."""
    letter = parse_pitch_class(words[0].text)
    if letter is None or len(words) < 2 or words[1].text not in MODES:
        return 0.0
    return TONIC + letter


def value_features(values: Tensor) -> Tensor:
    """Return sines and cosines (..., 2 * len(VALUE_PERIODS)) of values (...)."""
    periods = torch.tensor(VALUE_PERIODS, device=values.device)
    angle = 2 * math.pi * values[..., None] / periods
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
