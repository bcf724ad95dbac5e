"""Seeds of a step: apart for each seed, step and stream, and those of older runs as they were."""

from __future__ import annotations

from itertools import product

import torch

from engine.training.run.seeding import (
    LEGACY_ADVERSARIAL,
    LEGACY_CODEC,
    LEGACY_FLOW,
    VERSION,
    VERSION_KEY,
    StepSeeds,
    Stream,
    step_generator,
    step_rng,
)


def test_every_seed_step_and_stream_draws_its_own_numbers() -> None:
    keys = list(product(range(3), range(3), Stream))
    by_torch = {torch.rand(1, generator=step_generator(*key)).item() for key in keys}
    by_numpy = {float(step_rng(*key).random()) for key in keys}
    assert len(by_torch) == len(by_numpy) == len(keys)


def test_a_step_draws_the_same_numbers_again() -> None:
    seeds = StepSeeds(7)
    first, second = (torch.rand(4, generator=seeds.generator(3, Stream.NOISE)) for _ in range(2))
    assert torch.equal(first, second)
    assert seeds.rng(3, Stream.BATCH).random() == seeds.rng(3, Stream.BATCH).random()


def test_a_new_run_and_one_of_this_version_are_seeded_alike() -> None:
    new = StepSeeds.of_run(7, None, LEGACY_FLOW)
    resumed = StepSeeds.of_run(7, {VERSION_KEY: new.version}, LEGACY_FLOW)
    assert new.version == resumed.version == VERSION
    assert new.rng(1, Stream.BATCH).random() == resumed.rng(1, Stream.BATCH).random()


def test_a_run_from_before_the_version_keeps_its_seeds_and_says_so() -> None:
    def first_number(generator: torch.Generator) -> float:
        return torch.rand(1, generator=generator).item()

    flow = StepSeeds.of_run(0, {"step": 4}, LEGACY_FLOW)
    assert flow.version == 1
    assert StepSeeds.of_run(0, {VERSION_KEY: 1}, LEGACY_FLOW).version == 1
    expected = torch.Generator().manual_seed(5)
    assert first_number(flow.generator(5, Stream.NOISE)) == first_number(expected)
    for legacy, seed in (
        (LEGACY_CODEC, hash((2, 5))),
        (LEGACY_ADVERSARIAL, hash((2, 5)) & (2**31 - 1)),
    ):
        seeds = StepSeeds.of_run(2, {"step": 4}, legacy)
        expected = torch.Generator().manual_seed(seed)
        assert first_number(seeds.generator(5, Stream.NOISE)) == first_number(expected)
