"""Which sounds a flow's batches hold."""

import numpy as np
import pytest
import torch

from engine.corpus.sources.rendered import Sound
from engine.models.dit_config import DiffusionTransformerConfig
from engine.training.flow.batches import MIN_SOURCE_TIME, BatchSampler, draw_flow_batch
from engine.training.flow.network import FlowModel
from engine.training.pool import LengthBucket
from engine.training.settings import DatasetConfig, FlowRun, OptimizerConfig

FAMILIES = ("loop", "drum", "tonal")


def of_family(family: str) -> Sound:
    return Sound(family, family, family, 0.3, None, None, 0.5, 0.5, 0.0, 0.0)


def test_a_favoured_family_is_drawn_four_times_as_often() -> None:
    bucket = LengthBucket(np.zeros((3, 16, 4), np.float16), [of_family(f) for f in FAMILIES], 1.0)
    sizes = DiffusionTransformerConfig(4, cond_token_dim=256, global_cond_dim=256)
    run = FlowRun(OptimizerConfig(1, 16, 1e-3), DatasetConfig(), "codec", sizes, favour=("loop",))
    sampler, rng = BatchSampler([bucket], run), np.random.default_rng(0)
    drawn = [caption for _ in range(400) for caption in sampler.draw(rng).captions]
    assert drawn.count("loop") / drawn.count("drum") == pytest.approx(4, rel=0.15)
    assert drawn.count("tonal") / drawn.count("drum") == pytest.approx(1, rel=0.15)


def test_a_bucket_of_pairs_gives_sources_as_long_as_the_sounds_and_times_that_leave_room() -> None:
    values = np.arange(3 * 16 * 4, dtype=np.float16).reshape(3, 16, 4)
    bucket = LengthBucket(values, [of_family(f) for f in FAMILIES], 1.0, values + 500)
    sizes = DiffusionTransformerConfig(4, cond_token_dim=256, global_cond_dim=256)
    run = FlowRun(OptimizerConfig(1, 16, 1e-3), DatasetConfig(), "codec", sizes, time_shift=8.0)
    batch = BatchSampler([bucket], run).draw(np.random.default_rng(0))
    assert batch.sources is not None
    assert torch.equal(batch.sources, batch.latents + 500)
    tokenizer = FlowModel(run, ("loop", "drum", "tonal")).conditioner.tokenizer
    flow_batch = draw_flow_batch(batch, tokenizer, run, torch.Generator().manual_seed(0))
    assert flow_batch.sources is batch.sources
    assert MIN_SOURCE_TIME < flow_batch.times.min() < 0.6 < flow_batch.times.max() < 1


def test_pairs_are_a_share_of_the_batches_however_many_there_are() -> None:
    values = np.zeros((3, 16, 4), np.float16)
    sounds = [of_family(f) for f in FAMILIES]
    pairs = LengthBucket(values[:1], sounds[:1], 1.0, values[:1])
    sizes = DiffusionTransformerConfig(4, cond_token_dim=256, global_cond_dim=256)
    run = FlowRun(OptimizerConfig(1, 16, 1e-3), DatasetConfig(), "codec", sizes, pair_share=0.4)
    sampler, rng = (
        BatchSampler([LengthBucket(values, sounds, 1.0), pairs], run),
        np.random.default_rng(0),
    )
    drawn = [sampler.draw(rng).sources is not None for _ in range(500)]
    assert sum(drawn) / 500 == pytest.approx(0.4, abs=0.07)


def test_batches_may_be_of_sounds_that_fill_them() -> None:
    seconds = np.linspace(0.2, 4.0, 400)
    sounds = [Sound("k", "drum", "k", float(s), None, None, 0.5, 0.5, 0.0, 0.0) for s in seconds]
    bucket = LengthBucket(np.zeros((400, 172, 4), np.float16), sounds, 4.0)
    sizes = DiffusionTransformerConfig(4, cond_token_dim=256, global_cond_dim=256)

    def inside(filled_share: float) -> float:
        """The share of latents that lie in a sound."""
        run = FlowRun(
            OptimizerConfig(1, 16, 1e-3),
            DatasetConfig(),
            "codec",
            sizes,
            filled_share=filled_share,
        )
        sampler, rng = BatchSampler([bucket], run), np.random.default_rng(0)
        batches = [sampler.draw(rng) for _ in range(200)]
        heard = sum(float(batch.seconds.sum()) * 44_100 / 1024 for batch in batches)
        return heard / sum(len(batch.captions) * batch.latents.shape[-1] for batch in batches)

    assert inside(0.0) < 0.6
    assert inside(0.9) > 0.8


def test_the_times_of_sounds_follow_the_config_and_those_of_pairs_do_not() -> None:
    bucket = LengthBucket(np.zeros((3, 16, 4), np.float16), [of_family(f) for f in FAMILIES], 1.0)
    sizes = DiffusionTransformerConfig(4, cond_token_dim=256, global_cond_dim=256)
    run = FlowRun(
        OptimizerConfig(1, 64, 1e-3), DatasetConfig(), "codec", sizes, time_shift=8, even_share=1.0
    )
    batch = BatchSampler([bucket], run).draw(np.random.default_rng(0))
    tokenizer = FlowModel(run, FAMILIES).conditioner.tokenizer
    times = draw_flow_batch(batch, tokenizer, run, torch.Generator().manual_seed(0)).times
    assert (times < 0.27).float().mean() > 0.25
