"""What a prompt is split into, which words are unknown and what completes a word."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompts.notes import parse_note
from engine.prompts.reading import find_unknown_words
from engine.prompts.tokens import complete_word, find_seconds, find_tempo, split_words

VOCABULARY = frozenset(
    {"kick", "snare", "clap", "punchy", "distorted", "dark", "bright", "bass", "glass"}
    | {"hat", "hihat", "bpm", "house", "loop"}
)


def texts(prompt: str) -> list[str]:
    return [word.text for word in split_words(prompt)]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("A4", 69),
        ("C4", 60),
        ("A2", 45),
        ("c#3", 49),
        ("C♯3", 49),
        ("Bb1", 34),
        ("B♭1", 34),
        ("eb4", 63),
        ("b1", 35),
        ("Cb4", 59),
        ("c0", 12),
        ("g9", 127),
    ],
)
def test_note_has_its_midi_number(name: str, number: int) -> None:
    assert parse_note(name) == number
    (word,) = split_words(name)
    assert (word.kind, word.value) == ("note", number)


@pytest.mark.parametrize("name", ["h2", "b9", "a", "a44", "", "4a", "c##3"])
def test_other_names_are_no_notes(name: str) -> None:
    assert parse_note(name) is None
    assert all(word.kind != "note" for word in split_words(name))


def test_words_notes_and_numbers_of_a_prompt() -> None:
    words = split_words("Punchy 909-kick, A1 at 120BPM!")
    assert [(word.text, word.kind, word.value) for word in words] == [
        ("punchy", "word", None),
        ("909", "number", 909.0),
        ("kick", "word", None),
        ("a1", "note", 33.0),
        ("at", "word", None),
        ("120", "number", 120.0),
        ("bpm", "word", None),
    ]


def test_spans_point_at_what_was_typed() -> None:
    prompt = "Dark  KICK’s 1.5s, F#2"
    assert [prompt[word.start : word.end] for word in split_words(prompt)] == [
        "Dark",
        "KICK’s",
        "1.5",
        "s",
        "F#2",
    ]


def test_apostrophes_sharps_and_decades_stay_in_their_words() -> None:
    assert texts("don't 'quote' f# f#m 80s 1980s 16th tr808 hi-hat") == [
        "don't",
        "quote",
        "f#",
        "f#m",
        "80s",
        "1980s",
        "16th",
        "tr",
        "808",
        "hi",
        "hat",
    ]


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert texts("caf\u00e9") == texts("cafe\u0301") == ["caf\u00e9"]


def test_unknown_words_are_marked_and_notes_and_numbers_are_not() -> None:
    prompt = "kick zorgle A2 c#3 120bpm 🥁 Flümp"
    assert [prompt[a:b] for a, b in find_unknown_words(prompt, VOCABULARY)] == ["zorgle", "Flümp"]
    assert find_unknown_words("", VOCABULARY) == ()


@pytest.mark.parametrize(
    "prompt",
    ["", "🥁🔥👩‍👩‍👧", "9" * 10_000, "a#" * 5_000, "'" * 10_000, "\x00\ud800", "İ" * 100, "²½٣"],
)
def test_odd_prompts_are_split_at_once(prompt: str) -> None:
    started = time.monotonic()
    words = split_words(prompt)
    assert time.monotonic() - started < 1.0
    assert all(word.value is None or 0 <= word.value <= 1e6 for word in words)


@given(st.text(max_size=200))
def test_any_text_gives_ordered_spans_that_split_the_same_again(prompt: str) -> None:
    words = split_words(prompt)
    ends = [0] + [word.end for word in words]
    for word, end_before in zip(words, ends, strict=False):
        assert end_before <= word.start < word.end <= len(prompt)
        assert word.text
        assert (word.value is None) == (word.kind == "word")


def test_completions_put_beginnings_first() -> None:
    assert complete_word("ha", VOCABULARY) == ["hat"]
    assert complete_word("h", VOCABULARY) == ["hat", "hihat", "house"]
    assert complete_word("h", VOCABULARY, limit=2) == ["hat", "hihat"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("snaer", "snare"), ("kcik", "kick"), ("puncy", "punchy"), ("distrot", "distorted")],
)
def test_completions_forgive_a_typo(typed: str, meant: str) -> None:
    assert complete_word(typed, VOCABULARY)[0] == meant


def test_completions_of_nothing_of_a_known_word_and_of_nonsense() -> None:
    assert complete_word("  ", VOCABULARY) == []
    assert complete_word("kick", VOCABULARY) == []
    assert complete_word("🥁", VOCABULARY) == []
    assert complete_word("x" * 10_000, VOCABULARY) == []


@pytest.mark.parametrize(
    ("prompt", "bpm"),
    [
        ("120 BPM house loop", 120),
        ("house loop at 93.5bpm", 93.5),
        ("techno, tempo 140, 2 bars", 140),
        ("bpm 90 beat", 90),
        ("house loop 120", 120),
        ("174 drum and bass", 174),
        ("kick", None),
        ("120", None),
        ("a 100 Hz tone", None),
        ("808 kick", None),
        ("snare 2", None),
        ("0 bpm loop", None),
        ("9000 bpm loop", None),
        ("note A4", None),
        ("2 bars drum and bass 174", 174),
        ("808 beat 90", 90),
        ("4/4 house 124", 124),
        ("house beat, 124, dark", 124),
        ("house @ 124", 124),
        ("pad juno 106 warm", None),
        ("100 Hz", None),
        ("tone 100 ms", None),
        ("take 120 or 140", None),
    ],
)
def test_the_tempo_of_a_prompt(prompt: str, bpm: float | None) -> None:
    assert find_tempo(prompt) == bpm


@pytest.mark.parametrize(
    ("prompt", "seconds"),
    [
        ("riser, 3 seconds", 3),
        ("8s riser", 8),
        ("whoosh 2.5 sec", 2.5),
        ("400 ms kick", 0.4),
        ("2 bars drum and bass 160", 3),
        ("1 bar loop at 120 bpm", 2),
        ("4 bar loop", None),
        ("80s snare", None),
        ("kick 3", None),
        ("0 s kick", None),
    ],
)
def test_the_length_of_a_prompt(prompt: str, seconds: float | None) -> None:
    assert find_seconds(prompt) == seconds
