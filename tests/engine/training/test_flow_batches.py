"""Which sounds a flow's batches hold."""

import numpy as np
import pytest

from engine.models.dit import DiffusionTransformerConfig
from engine.training.corpus.rendered import Sound
from engine.training.flow import Batches
from engine.training.pool import Shelf
from engine.training.settings import FlowRun, Optimiser, Pool

FAMILIES = ("loop", "drum", "tonal")


def of_family(family: str) -> Sound:
    return Sound(family, family, family, 0.3, None, None, 0.5, 0.5, 0.0, 0.0)


def test_a_favoured_family_is_drawn_four_times_as_often() -> None:
    shelf = Shelf(np.zeros((3, 16, 4), np.float16), [of_family(f) for f in FAMILIES], 1.0)
    sizes = DiffusionTransformerConfig(4, cond_token_dim=256, global_cond_dim=256)
    run = FlowRun(Optimiser(1, 16, 1e-3), Pool(), "codec", sizes, favour=("loop",))
    batches, rng = Batches([shelf], run), np.random.default_rng(0)
    drawn = [caption for _ in range(400) for caption in batches.draw(rng).captions]
    assert drawn.count("loop") / drawn.count("drum") == pytest.approx(4, rel=0.15)
    assert drawn.count("tonal") / drawn.count("drum") == pytest.approx(1, rel=0.15)
