"""Prompts to tokens to conditioning: words, notes, numbers, padding and hidden prompts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.models.conditioning import (
    FIRST_WORD,
    NOTE,
    NUMBER,
    PAD,
    UNKNOWN,
    Conditioner,
    ConditionerConfig,
    PromptTokenizer,
)

WORDS = ("kick", "909", "snare", "c4", "été")
TOKENS = PromptTokenizer(WORDS, 6)


@pytest.fixture(scope="module")
def conditioner() -> Conditioner:
    torch.manual_seed(0)
    return Conditioner(ConditionerConfig(32, 2, 2, 48, 6), WORDS).eval()


def test_words_have_ids_of_their_own_whatever_their_capitals() -> None:
    ids = TOKENS(["Kick SNARE kick"]).ids[0].tolist()
    assert ids == [FIRST_WORD, FIRST_WORD + 2, FIRST_WORD]


def test_unknown_words_become_the_unknown_token() -> None:
    assert TOKENS(["kick zxqv"]).ids[0].tolist() == [FIRST_WORD, UNKNOWN]


def test_notes_and_numbers_carry_their_values() -> None:
    tokens = TOKENS(["A4 c4 Bb1 120 bpm 1.5"])
    assert tokens.ids[0].tolist() == [NOTE, NOTE, NOTE, NUMBER, UNKNOWN, NUMBER]
    assert tokens.values[0].tolist() == [69, 60, 34, 120, 0, 1.5]


def test_a_number_that_is_a_word_is_the_word() -> None:
    tokens = TOKENS(["909 808"])
    assert tokens.ids[0].tolist() == [FIRST_WORD + 1, NUMBER]
    assert tokens.values[0].tolist() == [0, 808]


def test_huge_numbers_are_held_to_a_largest() -> None:
    assert TOKENS(["9" * 400]).values[0].tolist() == [2000]


def test_words_beyond_the_most_are_cut() -> None:
    assert TOKENS(["kick " * 500]).ids.shape == (1, 6)


@pytest.mark.parametrize("prompt", ["🥁🔥", "!!!", "-", "\u200b", "_"])
def test_prompts_without_words_are_one_unknown_word(prompt: str) -> None:
    tokens = TOKENS([prompt])
    assert tokens.ids.tolist() == [[UNKNOWN]]
    assert tokens.real.all()


def test_accents_typed_as_two_characters_are_the_same_word() -> None:
    assert TOKENS(["e\u0301te\u0301"]).ids[0].tolist() == [FIRST_WORD + 4]


def test_shorter_prompts_are_padded_and_marked() -> None:
    tokens = TOKENS(["kick snare 909", "kick"])
    assert tokens.ids[1].tolist() == [FIRST_WORD, PAD, PAD]
    assert tokens.real.tolist() == [[True] * 3, [True, False, False]]


@torch.inference_mode()
def test_padding_does_not_change_a_prompt(conditioner: Conditioner) -> None:
    prompts = ["kick snare 909 c4 120", "kick a2", "🥁"]
    seconds = torch.tensor([1.0, 2.0, 12.0])
    together = conditioner(conditioner.tokenizer(prompts), seconds)
    for i, prompt in enumerate(prompts):
        alone = conditioner(conditioner.tokenizer([prompt]), seconds[i : i + 1])
        assert torch.allclose(
            together.cross_attn_cond[i][together.cross_attn_mask[i]],
            alone.cross_attn_cond[0],
            atol=1e-5,
        )
        assert torch.allclose(together.global_cond[i], alone.global_cond[0], atol=1e-5)
        assert alone.cross_attn_mask.all()


@torch.inference_mode()
def test_values_of_notes_and_numbers_reach_the_network(conditioner: Conditioner) -> None:
    def of(prompt: str) -> torch.Tensor:
        made = conditioner(conditioner.tokenizer([prompt]), torch.ones(1))
        tokens: torch.Tensor = made.cross_attn_cond
        return tokens

    assert not torch.allclose(of("c3"), of("c#3"), atol=1e-3)
    assert not torch.allclose(of("120"), of("121"), atol=1e-3)
    assert torch.equal(of("kick"), of("KICK"))


@torch.inference_mode()
def test_seconds_reach_the_network_and_are_held_to_the_longest(conditioner: Conditioner) -> None:
    tokens = conditioner.tokenizer(["kick"] * 4)
    overall = conditioner(tokens, torch.tensor([1.0, 2.0, 12.0, 99.0])).global_cond
    assert not torch.allclose(overall[0], overall[1], atol=1e-3)
    assert torch.equal(overall[2], overall[3])


@torch.inference_mode()
def test_hidden_prompts_are_all_alike_and_others_untouched(conditioner: Conditioner) -> None:
    tokens = conditioner.tokenizer(["kick snare", "909", "snare snare snare"])
    seconds = torch.ones(3)
    keep = torch.tensor([False, True, False])
    made = conditioner(tokens, seconds, keep)
    plain = conditioner(tokens, seconds)
    first, last = (
        made.cross_attn_cond[0][made.cross_attn_mask[0]],
        made.cross_attn_cond[2][made.cross_attn_mask[2]],
    )
    assert torch.allclose(first, last, atol=1e-5)
    assert made.cross_attn_mask.sum(1).tolist() == [2, 2, 2]
    assert torch.equal(made.cross_attn_cond[1], plain.cross_attn_cond[1])
    assert torch.equal(made.cross_attn_mask[1], plain.cross_attn_mask[1])
    assert torch.equal(made.global_cond, plain.global_cond)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"heads": 0}, "heads must be at least 1, got 0"),
        ({"width": 30}, "multiple of heads 4, at least 4, got 30"),
        ({"width": 0}, "at least 4, got 0"),
        ({"most_words": 0}, "most_words must be at least 1, got 0"),
        ({"longest_s": float("nan")}, "longest_s must be above 0, got nan"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConditionerConfig(**sizes)


def test_a_hidden_prompt_tells_nothing_of_its_note() -> None:
    conditioner = Conditioner(
        ConditionerConfig(width=16, layers=1, heads=2, ff_width=16, pooled=True), ("kick",)
    )
    for parameter in conditioner.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    hidden, seconds = torch.tensor([False]), torch.tensor([1.0])
    told = [
        conditioner(conditioner.tokenizer([prompt]), seconds, hidden).global_cond
        for prompt in ("c4", "a2", "kick")
    ]
    assert torch.equal(told[0], told[1])
    assert torch.equal(told[0], told[2])


def test_two_notes_differ_in_the_global_condition() -> None:
    conditioner = Conditioner(
        ConditionerConfig(width=16, layers=1, heads=2, ff_width=16, pooled=True), ("kick",)
    )
    for parameter in conditioner.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    first, second = (
        conditioner(conditioner.tokenizer([prompt]), torch.tensor([1.0])).global_cond
        for prompt in ("kick c4", "kick c#4")
    )
    assert not torch.allclose(first, second, atol=0.01)


def test_two_tonics_differ_in_the_global_condition_and_an_article_is_none() -> None:
    config = ConditionerConfig(width=16, layers=1, heads=2, ff_width=16, pooled=True, keyed=True)
    conditioner = Conditioner(config, ("a", "c#", "kick", "minor"))
    for name in ("exact.0.weight", "exact.2.weight"):
        torch.nn.init.normal_(conditioner.get_parameter(name), std=0.5)

    def told(prompt: str) -> torch.Tensor:
        tokens = conditioner.tokenizer([prompt])
        return conditioner._embed_exact_values(tokens, tokens.real)

    assert not torch.allclose(told("c# minor"), told("a minor"), atol=0.01)
    assert not torch.allclose(told("c# minor"), told("kick"), atol=0.01)
    assert torch.equal(told("a kick"), told("kick"))
    assert told("kick").abs().sum() == 0


def test_the_tempo_is_told_and_hidden_with_its_prompt(conditioner: Conditioner) -> None:
    tokens = conditioner.tokenizer(["loop at 120 bpm", "loop"])
    told = conditioner(tokens, torch.tensor([1.0, 2.0]))
    assert told.bpm.tolist() == [120, 0]
    assert told.seconds.tolist() == [1, 2]
    hidden = conditioner(tokens, torch.tensor([1.0, 2.0]), torch.tensor([False, True]))
    assert hidden.bpm.tolist() == [0, 0]
