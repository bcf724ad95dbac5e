"""What the rendered corpus promises: truth of captions, pitch, timing, and the same sound again."""

import math

import pytest
import torch

from engine.corpus.captions.captions import note_name
from engine.corpus.captions.lexicon import lexicon, vocabulary
from engine.corpus.sources.listing import CorpusError
from engine.corpus.sources.rendered import RenderedCorpus, is_held_caption
from engine.evaluation.references.kind_examples import has_held_combinations
from engine.prompts.tokens import split_words


def test_same_index_renders_the_same_sound() -> None:
    first = RenderedCorpus(3).batch(5, 6, 0.8)
    second = RenderedCorpus(3).batch(5, 6, 0.8)
    other = RenderedCorpus(3).batch(6, 6, 0.8)
    assert first.sounds == second.sounds
    assert torch.equal(first.audio, second.audio)
    assert first.sounds != other.sounds


def test_audio_is_stereo_loud_and_silent_after_its_seconds() -> None:
    batch = RenderedCorpus(1).batch(0, 24, 1.2)
    assert batch.audio.shape == (24, 2, round(1.2 * 44100))
    assert batch.audio.dtype == torch.float32
    peaks = batch.audio.abs().amax((1, 2))
    assert peaks.min() > 0.8 and peaks.max() < 0.95
    for audio, sound in zip(batch.audio, batch.sounds, strict=True):
        assert sound.seconds <= 1.2
        assert not audio[:, round(sound.seconds * 44100) :].any()


def test_held_out_captions_never_occur_in_training() -> None:
    captions = {}
    for split in ("train", "held_out"):
        corpus = RenderedCorpus(0, split)
        captions[split] = {sound.caption.lower() for sound in corpus.sounds(0, 1500, 4.0)}
    assert len(captions["held_out"]) > 700
    assert not captions["train"] & captions["held_out"]


def combinations(split: str, seed: int, length: float) -> set[str]:
    """The regions of kind, note or tempo, and properties that some batches of a split lie in."""
    corpus = RenderedCorpus(seed, split, families=lexicon().families())
    plans = [plan for number in range(20) for plan, _ in corpus._draw_pairs(number, 100, length)]
    return {plan.combination() for plan in plans}


def test_held_out_regions_of_parameters_never_occur_in_training() -> None:
    trained = combinations("train", 0, 4.0) | combinations("train", 1, 1.5)
    held = combinations("held_out", 0, 4.0) | combinations("held_out", 7001, 4.0)
    assert min(len(trained), len(held)) > 1000
    assert not trained & held
    kinds = {name.partition("/")[0] for name in held}
    assert {lexicon().kinds[kind].family for kind in kinds} == set(lexicon().families())
    # One region in eight: of the few textures with nine regions some have none to hold out.
    assert len(kinds) > 0.8 * len(lexicon().kinds)


def test_sounds_kept_for_training_are_of_its_own_split() -> None:
    from engine.training.pool import _corpus
    from engine.training.settings import DatasetConfig

    corpus = _corpus(DatasetConfig(families=("drum",)), print)
    assert isinstance(corpus, RenderedCorpus) and corpus.split == "train"
    sounds = corpus.sounds(0, 500, 1.5)
    assert not any(is_held_caption(sound.caption) for sound in sounds)


def test_every_caption_word_is_in_the_lexicon() -> None:
    known = set(vocabulary())
    families = lexicon().families()
    for sound in RenderedCorpus(4, families=families).sounds(0, 3000, 12.0):
        for word in split_words(sound.caption):
            assert word.kind != "word" or word.text in known, sound.caption


def test_a_named_note_is_the_note_that_sounds() -> None:
    for sound in RenderedCorpus(2, families=("tonal",)).sounds(0, 800, 4.0):
        for word in split_words(sound.caption):
            assert word.kind != "note" or word.value == sound.pitch, sound.caption


@pytest.mark.parametrize(
    ("midi", "names"), [(69, {"A4", "a4"}), (70, {"A#4", "Bb4", "a#4", "bb4"})]
)
def test_note_names_count_octaves_from_c4_at_60(midi: int, names: set[str]) -> None:
    from random import Random

    assert {note_name(midi, Random(number)) for number in range(60)} == names


def test_a_split_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="split"):
        RenderedCorpus(0, "test")


def test_property_words_hold_for_the_values_they_name() -> None:
    book = lexicon()
    checked = 0
    for sound in RenderedCorpus(6, families=book.families()).sounds(0, 2500, 6.0):
        for tag in sound.caption.split(", "):
            for name, tables in book.properties.items():
                span = {**tables.get("any", {}), **tables.get(sound.family, {})}.get(tag)
                checked += span is not None
                assert span is None or getattr(sound, name) in span, sound
    assert checked > 1000


def test_every_kind_is_drawn_and_can_be_rendered() -> None:
    families = lexicon().families()
    drawn = {sound.kind for sound in RenderedCorpus(8, families=families).sounds(0, 4000, 6.0)}
    assert drawn == set(lexicon().kinds)


def test_a_family_named_twice_is_drawn_more_often() -> None:
    once = RenderedCorpus(5, families=("drum", "loop")).sounds(0, 300, 4.0)
    twice = RenderedCorpus(5, families=("drum", "loop", "loop", "loop")).sounds(0, 300, 4.0)
    loops = [sum(sound.family == "loop" for sound in sounds) for sounds in (once, twice)]
    # 0.1 of 0.46 against 0.3 of 0.66.
    assert 45 < loops[0] < 90
    assert 110 < loops[1] < 165


def test_a_kind_among_the_families_is_drawn_besides_its_family() -> None:
    def counted(*families: str) -> tuple[int, int]:
        sounds = RenderedCorpus(3, families=families).sounds(0, 600, 4.0)
        loops = sum(sound.kind == "loop" for sound in sounds)
        return sum(sound.kind == "chord" for sound in sounds), loops

    chords, loops = counted("tonal", "loop")
    more_chords, more_loops = counted("tonal", "loop", "chord", "chord", "chord", "chord")
    assert more_chords > chords + 60
    assert more_loops < loops  # a family by the name of a kind is still a family
    assert counted("chord") == (600, 0)


def test_kinds_that_hold_nothing_out_are_refused_instead_of_sought_for_ever() -> None:
    kinds = [
        kind.key
        for kind in lexicon().kinds.values()
        if kind.family != "voice" and not has_held_combinations(kind)
    ]
    assert kinds
    with pytest.raises(CorpusError, match=f"No sound of {kinds[0]} in 4 s"):
        RenderedCorpus(1, "held_out", families=(kinds[0],)).batch(0, 1, 4.0)
    assert RenderedCorpus(1, families=(kinds[0],)).sounds(0, 1, 4.0)[0].kind == kinds[0]


def test_free_lengths_say_nothing_of_the_decay() -> None:
    def tie(free_lengths: float) -> float:
        corpus = RenderedCorpus(1, families=("bell",), free_lengths=free_lengths)
        sounds = corpus.sounds(0, 400, 4.0)
        pairs = torch.tensor([(sound.decay, math.log(sound.seconds)) for sound in sounds])
        return float(torch.corrcoef(pairs.T)[0, 1])

    assert tie(0.0) > 0.4
    assert abs(tie(1.0)) < 0.15
    assert 0.15 < tie(0.5) < 0.4


def test_without_free_lengths_sounds_are_what_they_were() -> None:
    sound = RenderedCorpus(3).sounds(5, 6, 0.8)[0]
    assert RenderedCorpus(3, free_lengths=0.0).sounds(5, 6, 0.8)[0] == sound
    assert RenderedCorpus(3, free_lengths=1.0).sounds(5, 6, 0.8)[0] != sound
