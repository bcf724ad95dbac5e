"""Scores one row of the table, a model's sounds or real ones, by the paper's measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from engine.clip import Clip
from engine.corpus.captions.lexicon import lexicon
from engine.evaluation.measures.metrics import (
    class_probabilities,
    conditional_diversity,
    frechet_distance,
    kl_divergence,
    prompt_score,
    recall_and_coverage,
)
from engine.evaluation.measures.prompt_checks import Check, Share, check_sound, count_shares
from engine.evaluation.references.embedders import Embedder
from engine.evaluation.references.examples import Example, embed_clips
from engine.evaluation.references.kind_references import KindReferences
from engine.evaluation.runs.sampling import GeneratedSounds

Vectors = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """The paper's measures; None where there is nothing to measure, or no embedder.

    Better is: lower `fd` and `kl`, higher `prompt_score`, `recall`, `coverage`, `ccds` and `rtf`
    (seconds of sound in a second), lower `memory_mb`; `right` is the share of all prompt checks.
    """

    fd: float | None = None
    kl: float | None = None
    prompt_score: float | None = None
    recall: float | None = None
    coverage: float | None = None
    ccds: float | None = None
    rtf: float | None = None
    memory_mb: float | None = None
    right: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `spread` is the deviation over `repeats` runs with other seeds."""

    name: str
    steps: int | None
    scores: Scores
    spread: Scores
    repeats: int
    shares: tuple[Share, ...]
    checks: tuple[tuple[Check, ...], ...]


class ReferenceSet:
    """The references of all rows: prompts, real sounds, embeddings of both."""

    def __init__(
        self,
        examples: Sequence[Example],
        others: Sequence[Clip],
        embedder: Embedder | None,
        references: KindReferences,
    ) -> None:
        """`others` are as many real sounds of other prompts."""
        self.examples = tuple(examples)
        self.embedder = embedder
        self._others = others
        self._references = references
        if embedder is not None:
            self._texts = _embed_texts(embedder, [example.prompt for example in examples])
            self._real = embed_clips(embedder, [example.real for example in examples])
            self._bank = kind_embeddings(embedder)

    def check(self, clips: Sequence[Clip]) -> tuple[tuple[Check, ...], ...]:
        """Check each clip against the claims of its prompt."""
        return tuple(
            check_sound(clip, example.seconds, example.claims, self._references)
            for clip, example in zip(clips, self.examples, strict=True)
        )

    def score(self, made: GeneratedSounds) -> tuple[Scores, tuple[tuple[Check, ...], ...]]:
        """Measure a model's sounds against the real ones of the same prompts."""
        checks = self.check(made.clips)
        right = _share_right(checks)
        if self.embedder is None:
            return Scores(rtf=made.rtf, right=right), checks
        vectors = embed_clips(self.embedder, made.clips)
        groups = np.stack([embed_clips(self.embedder, clips) for clips in made.varied])
        manifold = recall_and_coverage(self._real, vectors)
        scores = Scores(
            fd=frechet_distance(self._real, vectors),
            kl=kl_divergence(self._kinds(self._real), self._kinds(vectors)),
            prompt_score=prompt_score(vectors, self._texts),
            recall=manifold.recall,
            coverage=manifold.coverage,
            ccds=conditional_diversity(groups),
            rtf=made.rtf,
            right=right,
        )
        return scores, checks

    def real_row(self) -> Row:
        """Return the row of real sounds: those of other prompts stand in for generated ones.

        Prompt score and checks are those of the real sounds with their own prompts. KL needs
        two sounds of one prompt, which the corpus has not.
        """
        checks = self.check([example.real for example in self.examples])
        scores = Scores(right=_share_right(checks))
        if self.embedder is not None:
            vectors = embed_clips(self.embedder, self._others)
            manifold = recall_and_coverage(self._real, vectors)
            scores = Scores(
                fd=frechet_distance(self._real, vectors),
                prompt_score=prompt_score(self._real, self._texts),
                recall=manifold.recall,
                coverage=manifold.coverage,
                right=_share_right(checks),
            )
        return Row("real sounds", None, scores, Scores(), 1, count_shares(checks), checks)

    def chance_row(self) -> Row:
        """Return the chance row: real sounds, each with the prompt of another one."""
        clips = [example.real for example in self.examples]
        checks = self.check([*clips[1:], clips[0]])
        scores = Scores(right=_share_right(checks))
        if self.embedder is not None:
            moved = np.roll(self._real, -1, axis=0)
            scores = Scores(
                kl=kl_divergence(self._kinds(self._real), self._kinds(moved)),
                prompt_score=prompt_score(moved, self._texts),
                right=_share_right(checks),
            )
        return Row("real, prompts swapped", None, scores, Scores(), 1, count_shares(checks), checks)

    def _kinds(self, vectors: Vectors) -> Vectors:
        assert self.embedder is not None
        return class_probabilities(vectors, self._bank, self.embedder.scale)


def kind_embeddings(embedder: Embedder) -> Vectors:
    """One text vector for each kind of sound of the lexicon: the mean over the kind's names."""
    rows = []
    for kind in lexicon().kinds.values():
        own = (kind.names, *(variant.names for variant in kind.variants))
        names = list(dict.fromkeys(name for group in own for name in group))
        rows.append(_embed_texts(embedder, names).mean(0))
    return np.stack(rows)


def summarize_runs(
    name: str, steps: int, runs: Sequence[Scores], checks: Sequence[tuple[Check, ...]]
) -> Row:
    """Mean and deviation over runs; the checks of all of them together."""
    columns = {
        field.name: [
            value for run in runs if (value := getattr(run, field.name)) is not None
        ]
        for field in fields(Scores)
    }  # fmt: skip
    mean = Scores(**{name: fmean(column) for name, column in columns.items() if column})
    spread = Scores(**{name: stdev(column) for name, column in columns.items() if len(column) > 1})
    return Row(name, steps, mean, spread, len(runs), count_shares(checks), tuple(checks))


def _embed_texts(embedder: Embedder, prompts: list[str]) -> Vectors:
    return embedder.text(prompts).double().numpy()


def _share_right(checks: Sequence[Sequence[Check]]) -> float | None:
    shares = count_shares(checks)
    return shares[-1].right if shares else None
