"""What prompts claim, read from their words; and what the corpus says of itself."""

from __future__ import annotations

import pytest

from engine.corpus.sources.rendered import RenderedCorpus
from engine.evaluation.measures.prompt_claims import Claims, Key, parse_claims


@pytest.mark.parametrize(
    ("prompt", "claims"),
    [
        ("punchy 909 kick", Claims("kick", "drum")),
        ("sub bass A1, dark, long", Claims("bass", "tonal", 33, None, None, "low", "high")),
        ("bright staccato flute in F#5", Claims("flute", "tonal", 78, None, None, "high", "low")),
        ("house drum loop at 124 BPM", Claims("loop", "loop", bpm=124)),
        ("a minor pad chord in C# minor", Claims("chord", "tonal", key=Key(1, "minor"))),
        ("piano scale in C# minor", Claims("scale", "tonal")),
        ("bass loop, 90 bpm, Bb major", Claims("loop", "loop", key=Key(10, "major"), bpm=90)),
    ],
)
def test_words_claim_kind_note_key_tempo_and_sides(prompt: str, claims: Claims) -> None:
    assert parse_claims(prompt) == claims


@pytest.mark.parametrize("prompt", ["", "🥁", "something else", "909 120"])
def test_words_that_say_nothing_claim_nothing(prompt: str) -> None:
    found = parse_claims(prompt)
    assert (found.pitch, found.key, found.bpm, found.brightness) == (None, None, None, None)


def test_what_is_said_twice_and_differently_is_not_claimed() -> None:
    found = parse_claims("bright dark kick, 100 bpm 120 bpm, C2 D2")
    assert (found.brightness, found.bpm, found.pitch) == (None, None, None)


def test_claims_agree_with_what_the_corpus_rendered() -> None:
    sounds = RenderedCorpus(77, "held_out").sounds(0, 400, 4.0)
    families = 0
    for sound in sounds:
        claims = parse_claims(sound.caption)
        families += claims.family == sound.family
        assert claims.pitch in (None, sound.pitch), sound
        assert claims.bpm in (None, sound.bpm), sound
        if claims.brightness is not None and claims.family == sound.family:
            assert (claims.brightness == "high") == (sound.brightness > 0.5), sound
        if claims.decay is not None and claims.family == sound.family:
            assert (claims.decay == "high") == (sound.decay > 0.5), sound
    assert families >= 0.98 * len(sounds)
