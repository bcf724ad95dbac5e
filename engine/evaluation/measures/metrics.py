"""The paper's measures as pure functions on embeddings (N, D): numpy alone, no network, no sound.

arXiv 2505.08175, section 3.3. Embedders differ, so figures compare only where the embedder, the
number of sounds and k are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]

NEIGHBOURS = 5
"""k of the nearest-neighbour balls, as in Naeem et al. 2020."""
MIN_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class Manifold:
    """Recall and coverage, each a share 0..1 of the real sounds."""

    recall: float
    coverage: float


def frechet_distance(first: Vectors, second: Vectors) -> float:
    """Fréchet distance of the Gaussians fitted to (N, D) and (M, D); 0 where they are the same.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2), the roots by eigenvalues of symmetric
    matrices: fewer sounds than dimensions are no trouble, though the distance then has a bias that
    falls with N. Needs two sounds or more on each side.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"two embeddings or more are needed, got {len(first)} and {len(second)}")
    gap = first.mean(0) - second.mean(0)
    one, other = np.atleast_2d(np.cov(first, rowvar=False), np.cov(second, rowvar=False))
    root = _root(one)
    shared = np.sqrt(_eigenvalues(root @ other @ root)).sum()
    return max(0.0, float(gap @ gap + np.trace(one) + np.trace(other) - 2 * shared))


def _root(matrix: Vectors) -> Vectors:
    values, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    result: Vectors = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    return result


def _eigenvalues(matrix: Vectors) -> Vectors:
    """Eigenvalues of a matrix that is symmetric and not negative but for rounding."""
    return np.asarray(np.maximum(np.linalg.eigvalsh((matrix + matrix.T) / 2), 0), np.float64)


def class_probabilities(sounds: Vectors, bank: Vectors, scale: float) -> Vectors:
    """Softmax of scaled cosines of sounds (N, D) to a bank of texts (K, D), (N, K).

    This stands in for the tags of PaSST, the network of the paper's KL: the bank holds one text
    for each kind of sound of the lexicon.
    """
    logits = scale * _unit(sounds) @ _unit(bank).T
    weights = np.exp(logits - logits.max(1, keepdims=True))
    result: Vectors = weights / weights.sum(1, keepdims=True)
    return result


def kl_divergence(real: Vectors, made: Vectors) -> float:
    """Mean over pairs of KL(real || made) in nats, of probabilities (N, K) of the same prompts."""
    p, q = (np.maximum(each, MIN_PROBABILITY) for each in (real, made))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    return float((p * np.log(p / q)).sum(1).mean())


def prompt_score(sounds: Vectors, texts: Vectors) -> float:
    """Mean cosine of sounds and their prompts, (N, D) each: the CLAP score, -1..1."""
    return float((_unit(sounds) * _unit(texts)).sum(1).mean())


def recall_and_coverage(real: Vectors, made: Vectors, k: int = NEIGHBOURS) -> Manifold:
    """Return how much of the real sounds' variety generated ones cover; (N, D) and (M, D).

    Recall (Kynkäänniemi et al. 2019, eq. 2): the share of real sounds inside the ball of some made
    sound, its radius the distance to its k-th neighbour among the made ones. Coverage (Naeem et al.
    2020, eq. 6): the share of real sounds whose own such ball holds a made sound. With N or
    fewer sounds than k, k is as large as can be.
    """
    between = _distances(real, made)
    return Manifold(
        recall=float((between <= _radii(made, k)[None, :]).any(1).mean()),
        coverage=float((between.min(1) <= _radii(real, k)).mean()),
    )


def _distances(first: Vectors, second: Vectors) -> Vectors:
    squares = np.square(first).sum(1)[:, None] + np.square(second).sum(1)[None, :]
    result: Vectors = np.sqrt(np.maximum(squares - 2 * first @ second.T, 0))
    return result


def _radii(points: Vectors, k: int) -> Vectors:
    """Distance of each point to its k-th neighbour, itself not counted."""
    if len(points) < 2:
        raise ValueError(f"neighbours need two embeddings or more, got {len(points)}")
    distances = _distances(points, points)
    np.fill_diagonal(distances, np.inf)
    place = min(k, len(points) - 1) - 1
    result: Vectors = np.partition(distances, place, axis=1)[:, place]
    return result


def conditional_diversity(groups: Vectors) -> float:
    """CCDS: mean cosine distance of pairs within a prompt, then over prompts; 0..2.

    `groups` is (prompts, seeds, D), two seeds or more. 0: a prompt always makes the same sound.
    """
    seeds = groups.shape[1]
    if seeds < 2:
        raise ValueError(f"diversity needs two sounds or more of a prompt, got {seeds}")
    unit = _unit(groups)
    cosines = unit @ unit.transpose(0, 2, 1)
    first, second = np.triu_indices(seeds, 1)
    return float((1 - cosines[:, first, second]).mean())


def _unit(vectors: Vectors) -> Vectors:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Vectors = vectors / np.maximum(length, 1e-12)
    return result
