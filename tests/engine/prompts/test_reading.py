"""What a model is told of what musicians type, and what is marked as saying nothing to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.corpus.captions.lexicon import vocabulary
from engine.corpus.sources.rendered import RenderedCorpus
from engine.prompts.reading import SYNONYMS, find_unknown_words, read_prompt, read_synonyms
from engine.prompts.tokens import split_words

WORDS = frozenset(vocabulary())


def told(prompt: str) -> str:
    """What the model is told, notes as =number."""
    return " ".join(
        f"={word.value:g}" if word.kind == "note" else word.text
        for word in read_prompt(prompt, WORDS).words
    )


def marked(prompt: str) -> list[str]:
    return [prompt[start:end] for start, end in find_unknown_words(prompt, WORDS)]


@pytest.mark.parametrize(
    ("prompt", "heard"),
    [
        # Slang, other forms, other languages
        ("phat kick", "fat kick"),
        ("Crispy hi hats, tighter", "crisp hi hat tight"),
        ("church bells", "church bell"),
        ("breakdown break", "breakdown breaks"),
        ("boombap, hiphop", "boom bap hip hop"),
        ("kickdrum", "kick drum"),
        ("drum machine snare", "drum snare"),
        ("factory machine", "factory machine"),
        ("d&b loop 174", "drum and bass loop 174"),
        ("tempo 90 lofi beats", "bpm 90 lofi beat"),
        ("sine wave", "sine"),
        ("ocean waves", "ocean waves"),
        ("grosse caisse", "bass drum"),
        ("Trommel", "drum"),
        ("éthereal pad", "ethereal pad"),
        # What says nothing
        ("kick in the style of a 909", "kick in style a 909"),
        ("please make me some rain", "rain"),
        # Chords and notes
        ("Am7 chord", "a minor seventh chord"),
        ("F#m chord", "f# minor chord"),
        ("Bbmaj7 stab", "bb major seventh stab"),
        ("C#minor chord", "c# minor chord"),
        ("Gsus4 chord", "g sus chord"),
        ("E7 chord", "e seventh chord"),
        ("Dm7 rhodes", "chord d minor seventh rhodes"),
        ("house loop F#m", "house loop f# minor"),
        ("C major 7 chord", "c major seventh chord"),
        ("bass E7", "bass =100"),
        ("fm bass", "fm bass"),
        ("pluck in C# 3", "pluck in =49"),
        ("loop in C# 2 bars", "loop in c# 2 bars"),
        ("440 Hz sine", "=69 sine"),
        ("0.22khz tone", "=57 tone"),
        # A note without an octave
        ("saw bass F", "saw bass =41"),
        ("synth bass in Eb", "synth bass in =39"),
        ("pluck in A", "pluck in =69"),
        ("a bell d#", "a bell =63"),
        ("A warm pad", "a warm pad"),
        ("pad in D minor", "pad in =62 minor"),
        ("pad chord in D minor", "pad chord in d minor"),
        ("house loop in A minor, bass", "house loop in a minor bass"),
        ("bass note F1 in C", "bass note =29 in c"),
        ("C minor", "c minor"),
        # Seconds are told beside the prompt
        ("riser, 3 seconds", "riser"),
        ("8s riser", "riser"),
        ("8-bit lead 2.5s", "8 bit lead"),
        # Denials
        ("pad without reverb", "pad dry"),
        ("not distorted kick", "clean kick"),
        ("warm pad, no drums", "warm pad"),
        ("no drums, warm pad", "warm pad"),
        ("not too bright snare", "snare"),
    ],
)
def test_a_model_is_told_its_own_words(prompt: str, heard: str) -> None:
    assert told(prompt) == heard


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("latin funk drumset 115 BPM", []),
        ("sports car passing by", []),
        ("fire crackling", []),
        ("water", []),
        ("kick in the style of a 909", []),
        ("phat kick, 0.5 s", []),
        ("Dm7 rhodes", []),
        ("zorgle kick blarf", ["zorgle", "blarf"]),
        ("80s tape kick", ["80s", "tape"]),
        ("warm pad, no drums, dark", ["no drums"]),
        ("not too bright snare", ["not too bright"]),
        ("kick without", ["without"]),
        ("I am", ["am"]),
        ("30 khz kick", ["khz"]),
        ("los bass", []),
    ],
)
def test_only_what_says_nothing_is_marked(prompt: str, unknown: list[str]) -> None:
    assert marked(prompt) == unknown


def test_captions_are_told_word_for_word() -> None:
    corpus = RenderedCorpus(5, families=("drum", "tonal", "effect", "texture", "loop", "voice"))
    captions = [sound.caption for sound in corpus.sounds(0, 3000, 8.0)]
    changed = [said for said in captions if read_prompt(said, WORDS).words != split_words(said)]
    assert not changed
    assert not [said for said in captions if marked(said)]


def test_a_models_own_words_come_first() -> None:
    own = frozenset({"phat", "kick", "seconds", "hz", "no", "drums", "bells", "am"})
    for prompt in ("phat kick 3 seconds", "40 hz kick", "kick no drums", "Am bells"):
        assert read_prompt(prompt, own).words == split_words(prompt)
        assert not find_unknown_words(prompt, own)


def test_a_synonym_counts_only_where_all_it_stands_for_is_known() -> None:
    assert find_unknown_words("phat drumkit", frozenset({"drum"})) == ((0, 4), (5, 12))


def test_the_list_holds_no_word_of_the_model_and_stands_for_its_words_only() -> None:
    synonyms = read_synonyms()
    singles = {typed[0] for typed in synonyms.phrases if len(typed) == 1}
    assert not singles & WORDS
    assert not (synonyms.stop_words | synonyms.negations) & WORDS
    assert not singles & (synonyms.stop_words | synonyms.negations)
    assert synonyms.octaves.keys() <= WORDS
    missing = {word for meant in synonyms.phrases.values() for word in meant} - WORDS
    assert not missing, f"not in the vocabulary: {missing} ({SYNONYMS.name})"


@given(st.text(max_size=120))
def test_any_text_is_read_in_order(prompt: str) -> None:
    reading = read_prompt(prompt, WORDS)
    starts = [word.start for word in reading.words]
    assert starts == sorted(starts)
    ends = [0, *(end for _, end in reading.unknown)]
    for (start, end), before in zip(reading.unknown, ends, strict=False):
        assert before <= start < end <= len(prompt)
