"""Recipe to clip on a model in miniature: lengths, seeds, sources, cancelling and levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.api import EngineError, GenerationCancelled, Recipe
from engine.clip import Clip
from engine.generation.batching import MOST_AT_ONCE
from engine.generation.generator import Generator, load_generator
from engine.sampling.config import SamplingConfig
from engine.sound.postprocess import LOUDEST
from tests.fakes.engine.tiny_model import CARD as TINY_CARD
from tests.fakes.engine.tiny_model import RATE_HZ, sine, tiny_model, write_tiny_model

RECIPE = Recipe("deep kick c2", seconds=0.3, steps=3, seed=7)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return load_generator(write_tiny_model(tmp_path_factory.mktemp("model")), "cpu")


def tone(seconds: float = 0.3, rate: int = RATE_HZ, channels: int = 2, level: float = 0.5) -> Clip:
    time = np.arange(round(seconds * rate)) / rate
    mono = (level * np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    return Clip(np.repeat(mono[:, None], channels, axis=1), rate)


def likeness(first: Clip, second: Clip) -> float:
    """Cosine between magnitude spectra, 1 where they are the same but for level and phase."""
    a, b = (np.abs(np.fft.rfft(clip.samples.mean(axis=1)[2048:-2048])) for clip in (first, second))
    return float((a * b).sum() / np.sqrt(np.square(a).sum() * np.square(b).sum()))


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.999, 1.2345, 12.0])
def test_the_clip_has_exactly_the_frames_asked_for(generator: Generator, seconds: float) -> None:
    made = generator.generate(replace(RECIPE, seconds=seconds, steps=1))
    assert made.clip.samples.shape == (round(seconds * RATE_HZ), 2)
    assert made.clip.rate == RATE_HZ
    assert made.clip.samples.dtype == np.float32


def test_the_same_recipe_makes_the_same_samples(generator: Generator) -> None:
    first, again = (generator.generate(RECIPE).clip.samples for _ in range(2))
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    "change",
    [{"seed": 8}, {"prompt": "soft snare"}, {"steps": 4}, {"prompt": "deep kick d2"}],
    ids=["seed", "prompt", "steps", "note"],
)
def test_another_recipe_makes_other_samples(generator: Generator, change: dict[str, Any]) -> None:
    plain = generator.generate(RECIPE).clip.samples
    assert not np.array_equal(plain, generator.generate(replace(RECIPE, **change)).clip.samples)


def test_a_missing_seed_is_drawn_and_makes_the_clip_again(generator: Generator) -> None:
    made = generator.generate(replace(RECIPE, seed=None))
    assert made.recipe.seed is not None
    assert made.recipe == replace(RECIPE, seed=made.recipe.seed)
    assert np.array_equal(made.clip.samples, generator.generate(made.recipe).clip.samples)
    other = generator.generate(replace(RECIPE, seed=None))
    assert other.recipe.seed != made.recipe.seed


def test_the_seed_draws_the_latents_and_not_only_the_phases(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec: Any = generator.model.codec
    decode, heard = codec.decode, []

    def listening(latents: Tensor, seed: int = 0) -> Tensor:
        heard.append(latents.clone())
        return decode(latents, seed)

    monkeypatch.setattr(codec, "decode", listening)
    for seed in (1, 2, 1):
        generator.generate(replace(RECIPE, seed=seed))
    assert torch.equal(heard[0], heard[2])
    assert (heard[0] - heard[1]).abs().mean() > 0.05


def test_seed_nought_and_the_largest_seed_work(generator: Generator) -> None:
    for seed in (0, 2**63 - 1):
        made = generator.generate(replace(RECIPE, seed=seed))
        assert made.recipe.seed == seed


def test_torch_s_own_random_state_neither_matters_nor_changes(generator: Generator) -> None:
    first = generator.generate(RECIPE).clip.samples
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert np.array_equal(first, generator.generate(RECIPE).clip.samples)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("sampler", ["ping_pong", "euler"])
def test_every_step_is_reported(sampler: str) -> None:
    generator = Generator(tiny_model(SamplingConfig(sampler)), TINY_CARD, "cpu")
    steps: list[tuple[int, int]] = []

    def on_step(step: int, of: int) -> bool:
        steps.append((step, of))
        return True

    generator.generate(RECIPE, None, on_step)
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("last", [0, 1, 2])
def test_a_generation_is_cancelled_between_steps(generator: Generator, last: int) -> None:
    steps: list[int] = []

    def on_step(step: int, of: int) -> bool:
        steps.append(step)
        return step < last

    with pytest.raises(GenerationCancelled):
        generator.generate(RECIPE, None, on_step)
    assert steps == list(range(last + 1))


def test_guidance_changes_the_sound_and_a_scale_of_one_does_not() -> None:
    plain, same, more = (
        Generator(tiny_model(SamplingConfig("euler", scale)), TINY_CARD, "cpu")
        .generate(RECIPE)
        .clip.samples
        for scale in (1.0, 1.0, 5.0)
    )
    assert np.array_equal(plain, same)
    assert not np.allclose(plain, more, atol=1e-3)


@torch.inference_mode()
@pytest.mark.parametrize("sampler", ["ping_pong", "euler"])
def test_less_strength_keeps_more_of_the_source(sampler: str) -> None:
    generator = Generator(tiny_model(SamplingConfig(sampler)), TINY_CARD, "cpu")
    codec: Any = generator.model.codec
    decoded = codec.decode(codec.encode(sine(220, 0.3, 0.9, 0.9)), 7)[0, :, :13_230]
    through_codec = Clip(np.ascontiguousarray(decoded.numpy().T), RATE_HZ)
    kept = [
        likeness(generator.generate(replace(RECIPE, strength=s), tone()).clip, through_codec)
        for s in (0.01, 0.2, 1.0)
    ]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.9 and kept[2] < 0.5


def test_a_model_that_follows_recordings_takes_few_steps_from_a_weak_strength_and_says_so() -> None:
    reported: list[tuple[int, int]] = []

    def on_step(step: int, steps: int) -> bool:
        reported.append((step, steps))
        return True

    sampling = SamplingConfig(follows_recordings=True)
    generator = Generator(tiny_model(sampling=sampling), TINY_CARD, "cpu")
    asked = replace(RECIPE, steps=8, strength=0.5)
    made = generator.generate(asked, tone(), on_step)
    assert reported == [(0, 2), (1, 2), (2, 2)]
    assert made.recipe == asked
    # No noise is added on the way: the same as by Euler's method in as many steps.
    euler = Generator(tiny_model(SamplingConfig("euler_log_snr")), TINY_CARD, "cpu")
    same = euler.generate(replace(asked, steps=2), tone())
    assert np.array_equal(made.clip.samples, same.clip.samples)
    reported.clear()
    generator.generate(replace(asked, strength=None), None, on_step)
    assert reported[-1] == (8, 8)


def test_full_strength_ignores_the_source(generator: Generator) -> None:
    recipe = replace(RECIPE, strength=1.0)
    first = generator.generate(recipe, tone()).clip.samples
    assert np.array_equal(
        first, generator.generate(recipe, tone(level=0.1, rate=8000)).clip.samples
    )
    assert np.array_equal(first, generator.generate(RECIPE).clip.samples)


def test_a_source_without_strength_is_not_listened_to(generator: Generator) -> None:
    plain = generator.generate(RECIPE).clip.samples
    assert np.array_equal(plain, generator.generate(RECIPE, tone()).clip.samples)


@pytest.mark.parametrize(
    "source",
    [
        tone(level=1e-7),
        tone(level=0.0),
        tone(level=300.0),
        tone(rate=8_000, channels=1),
        tone(rate=96_000, channels=6),
        tone(seconds=5.0),
        Clip(np.ones((1, 1), np.float32), 44_100),
        Clip(np.ones((1, 2), np.float32), 400_000),
        Clip(np.ones((4_000, 2), np.float32), 4_000),
    ],
    ids=["faint", "silent", "far too loud", "8 kHz mono", "six channels", "long", "one frame",
         "one frame of 400 kHz", "constant"],
)  # fmt: skip
def test_any_recording_can_be_a_source(generator: Generator, source: Clip) -> None:
    made = generator.generate(replace(RECIPE, strength=0.3), source).clip
    assert made.frames == 13_230
    assert np.abs(made.samples).max() <= LOUDEST + 1e-6


def test_a_recording_s_level_does_not_matter(generator: Generator) -> None:
    recipe = replace(RECIPE, strength=0.2)
    loud, soft = (
        generator.generate(recipe, tone(level=level)).clip.samples for level in (0.5, 0.5 / 64)
    )
    assert np.array_equal(loud, soft)


def test_the_source_is_not_written_to(generator: Generator) -> None:
    source = tone()
    before = source.samples.copy()
    generator.generate(replace(RECIPE, strength=0.5), source)
    assert np.array_equal(source.samples, before)


def test_the_peak_is_never_above_full_scale() -> None:
    model = tiny_model()
    with torch.no_grad():
        model.transformer.transformer.project_out.weight.mul_(30)
    loud = Generator(model, TINY_CARD, "cpu")
    peaks = [
        np.abs(loud.generate(replace(RECIPE, seed=seed)).clip.samples).max() for seed in range(4)
    ]
    assert max(peaks) <= LOUDEST + 1e-6
    assert max(peaks) > 0.9, "the model was not loud enough to show it"


def test_the_end_fades_to_nothing(generator: Generator) -> None:
    samples = generator.generate(RECIPE).clip.samples
    assert np.abs(samples[-1]).max() == 0
    assert np.abs(samples[-400:-300]).max() > 0


@pytest.mark.parametrize("prompt", ["🥁", "???", "x " * 400, "zzz 1e99 ∞", "כלי הקשה"])
def test_any_prompt_makes_a_sound(generator: Generator, prompt: str) -> None:
    assert generator.generate(replace(RECIPE, prompt=prompt, steps=1)).clip.frames == 13_230


def test_stages_are_timed_and_sum_to_the_whole(generator: Generator) -> None:
    timing = generator.generate(RECIPE, tone()).timing
    stages = (timing.text_ms, timing.encode_ms, timing.steps_ms, timing.decode_ms)
    assert min(stages) >= 0
    assert sum(stages) == pytest.approx(timing.whole_ms, rel=1e-3)


def test_positions_and_times_stay_in_single_precision() -> None:
    generator = Generator(tiny_model(), TINY_CARD, "cpu")
    network = generator.model.transformer
    assert network.transformer.rotary_pos_emb.inv_freq.dtype == torch.float32
    assert network.timestep_features.weight.dtype == torch.float32
    wanted = (
        "bfloat16" if network.transformer.project_in.weight.dtype != torch.float32 else "float32"
    )
    assert generator.precision == wanted


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="is not a model"):
        load_generator(tmp_path)
    with pytest.raises(EngineError, match="no device"):
        load_generator(write_tiny_model(tmp_path / "model"), "warp")


def test_a_kit_made_together_has_the_sounds_made_alone(generator: Generator) -> None:
    prompts = ("deep kick c2", "soft snare", "deep kick", "kick")
    recipes = [replace(RECIPE, prompt=prompt, seed=i) for i, prompt in enumerate(prompts)]
    recipes += [replace(RECIPE, seconds=0.5), replace(recipes[0], steps=1)]
    steps: list[int] = []
    made = list(generator.generate_all(recipes, None, lambda step, _: steps.append(step) is None))
    assert [each.recipe for each in made] == recipes
    assert steps == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    for each in made:
        alone = generator.generate(each.recipe).clip.samples
        assert np.abs(each.clip.samples - alone).max() < 1e-4
        timing = each.timing
        parts = timing.text_ms + timing.encode_ms + timing.steps_ms + timing.decode_ms
        assert timing.whole_ms == pytest.approx(parts)


def test_a_kit_from_a_recording_has_the_sounds_made_alone(generator: Generator) -> None:
    recipes = [replace(RECIPE, seed=seed, strength=0.6) for seed in (1, 2, None)]
    made = list(generator.generate_all(recipes, tone()))
    assert made[2].recipe.seed is not None
    for each in made:
        alone = generator.generate(each.recipe, tone()).clip.samples
        assert np.abs(each.clip.samples - alone).max() < 1e-4


def test_as_many_as_a_kit_are_made_at_once(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    tokenize = generator.model.tokenize
    monkeypatch.setattr(
        generator.model,
        "tokenize",
        lambda prompts, s: seen.append(len(prompts)) or tokenize(prompts, s),
    )
    recipes = [replace(RECIPE, seconds=0.05, steps=1, seed=seed) for seed in range(18)]
    assert len(list(generator.generate_all(recipes))) == 18
    assert seen == [MOST_AT_ONCE, 2]


def test_a_kit_can_be_cancelled(generator: Generator) -> None:
    with pytest.raises(GenerationCancelled):
        list(generator.generate_all([RECIPE, RECIPE], None, lambda step, steps: step < 1))


def test_what_to_avoid_changes_the_sounds_of_a_guided_model_alone(generator: Generator) -> None:
    avoiding = replace(RECIPE, avoid="soft snare")
    with pytest.raises(EngineError, match="cannot be told what to avoid"):
        generator.generate(avoiding)
    guided = Generator(tiny_model(SamplingConfig(guidance=3.0)), TINY_CARD, "cpu", "float32")
    plain, other = (guided.generate(each).clip.samples for each in (RECIPE, avoiding))
    assert np.abs(plain - other).max() > 1e-3
    kit = list(guided.generate_all([avoiding, replace(avoiding, prompt="kick")]))
    assert np.abs(kit[0].clip.samples - other).max() < 1e-4
    # Going away from what is wanted leads nowhere: both say the same.
    itself = guided.generate(replace(RECIPE, avoid=RECIPE.prompt)).clip.samples
    unguided = Generator(tiny_model(SamplingConfig()), TINY_CARD, "cpu", "float32")
    assert np.abs(itself - unguided.generate(RECIPE).clip.samples).max() < 1e-3
