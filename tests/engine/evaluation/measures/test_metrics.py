"""The paper's measures on embeddings whose answers are known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.evaluation.measures.metrics import (
    class_probabilities,
    conditional_diversity,
    frechet_distance,
    kl_divergence,
    prompt_score,
    recall_and_coverage,
)

Vectors = NDArray[np.float64]


def with_moments(mean: list[float], spread: list[list[float]], count: int = 400) -> Vectors:
    """Points whose mean is `mean` and whose covariance is spread @ spread.T, exactly."""
    points = np.random.default_rng(0).standard_normal((count, len(mean)))
    points -= points.mean(0)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(points, rowvar=False)))
    white = points @ np.linalg.inv(root).T
    return np.asarray(white @ np.array(spread).T + np.array(mean))


def test_frechet_distance_of_a_set_to_itself_is_nought() -> None:
    points = np.random.default_rng(1).standard_normal((50, 8))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_on_a_line_is_that_of_means_and_deviations() -> None:
    # (m1 - m2)^2 + (s1 - s2)^2 = 9 + 4
    first, second = with_moments([1.0], [[1.0]]), with_moments([4.0], [[3.0]])
    assert frechet_distance(first, second) == pytest.approx(13.0)


def test_frechet_distance_of_independent_axes_adds_up() -> None:
    first = with_moments([0.0, 0.0], [[1.0, 0.0], [0.0, 2.0]])
    second = with_moments([3.0, 4.0], [[2.0, 0.0], [0.0, 5.0]])
    assert frechet_distance(first, second) == pytest.approx(25 + 1 + 9)


def test_frechet_distance_of_gaussians_that_do_not_commute() -> None:
    # C1 = diag(1, 4), C2 = [[2, 1], [1, 2]]: C1^1/2 C2 C1^1/2 = [[2, 2], [2, 8]], whose
    # eigenvalues are 5 +- 13^1/2; (a^1/2 + b^1/2)^2 = 10 + 2 * 12^1/2.
    first = with_moments([0.0, 0.0], [[1.0, 0.0], [0.0, 2.0]])
    second = with_moments([0.0, 0.0], np.linalg.cholesky([[2.0, 1.0], [1.0, 2.0]]).tolist())
    expected = 5 + 4 - 2 * math.sqrt(10 + 2 * math.sqrt(12))
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


def test_frechet_distance_stays_finite_with_fewer_sounds_than_dimensions() -> None:
    points = np.random.default_rng(2).standard_normal((5, 64))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-5)
    assert math.isfinite(frechet_distance(points, np.ones((3, 64))))
    with pytest.raises(ValueError, match="two embeddings or more"):
        frechet_distance(points, points[:1])


def test_class_probabilities_are_the_softmax_of_scaled_cosines() -> None:
    bank = np.eye(2)
    found = class_probabilities(np.array([[5.0, 0.0], [1.0, 1.0]]), bank, math.log(3))
    np.testing.assert_allclose(found, [[0.75, 0.25], [0.5, 0.5]])


def test_kl_is_that_of_the_pairs_in_nats() -> None:
    real, made = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.25, 0.75], [1.0, 0.0]])
    one = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    assert kl_divergence(real, made) == pytest.approx(one / 2, abs=1e-6)
    assert kl_divergence(made, made) == 0
    assert math.isfinite(kl_divergence(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])))


def test_prompt_score_is_the_mean_cosine_whatever_the_lengths() -> None:
    sounds = np.array([[2.0, 0.0], [0.0, 3.0]])
    texts = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert prompt_score(sounds, texts) == pytest.approx(0.5)
    assert prompt_score(sounds, -sounds) == pytest.approx(-1)


def test_recall_and_coverage_of_points_on_a_line() -> None:
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    made = np.array([[0.5], [1.5]])
    # k = 1: balls of the made reach 1 each side: 0, 1 and 2 lie inside, 10 does not. Balls of the
    # real reach 1, 1, 1 and 8: the last one just does not hold 1.5.
    found = recall_and_coverage(real, made, k=1)
    assert found.recall == pytest.approx(0.75)
    assert found.coverage == pytest.approx(0.75)
    # k = 3 (1 for the two made): radii of the real 10, 9, 8, 10: 10 - 1.5 is inside 10.
    assert recall_and_coverage(real, made, k=3).coverage == 1


def test_one_lone_mode_covers_little_and_the_same_set_covers_all() -> None:
    real = np.random.default_rng(3).standard_normal((200, 4))
    collapsed = np.full((200, 4), 0.1) + 1e-3 * real
    assert recall_and_coverage(real, collapsed).recall < 0.05
    assert recall_and_coverage(real, collapsed).coverage < 0.2
    same = recall_and_coverage(real, real)
    assert (same.recall, same.coverage) == (1, 1)


def test_conditional_diversity_is_the_mean_distance_within_prompts() -> None:
    same = [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    # cosines of the pairs 0, -1 and 0: distances 1, 2 and 1
    apart = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    assert conditional_diversity(np.array([same])) == pytest.approx(0)
    assert conditional_diversity(np.array([apart])) == pytest.approx(4 / 3)
    assert conditional_diversity(np.array([same, apart])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="two sounds or more"):
        conditional_diversity(np.ones((3, 1, 2)))
