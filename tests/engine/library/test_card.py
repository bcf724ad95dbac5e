"""Model cards: read back as written, refused by name when something is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.api import EngineError
from engine.library.card import ModelCard, Trained, list_models, read_card, write_card

CARD = ModelCard(
    name="small drums",
    summary='Says "boom"\nand \x7f more',
    licence="MIT",
    sample_rate=44_100,
    longest_s=12.0,
    default_steps=8,
    vocabulary=("kick", "don't", "f#", "café"),
    trained=Trained("rendered drums", ("python main.py train drums.toml",), "one night"),
)


def test_card_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_card(tmp_path, CARD)
    assert read_card(tmp_path) == CARD


def test_folder_without_a_card_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"is not a model: it holds neither card.toml"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sample_rate = 44100", "", "lacks: sample_rate"),
        ("sample_rate = 44100", "sample_rate = 1", "4000..400000 Hz, got 1"),
        ("sample_rate = 44100", 'sample_rate = "x"', "sample_rate must be int, got 'x'"),
        ("longest_s = 12.0", "longest_s = nan", "got nan"),
        ("longest_s = 12.0", "longest_s = true", "longest_s must be float, got True"),
        ("default_steps = 8", "default_steps = 0", "default_steps must be 1..100, got 0"),
        ("default_steps = 8", "default_steps = 8\nextra = 1", "unknown keys: extra"),
        ('"kick"', "7", "vocabulary must be str, got 7"),
        ('on = "rendered drums"', 'on = " "', "must say what the model was trained on"),
        ('notes = "one night"', "colour = 1", "trained has unknown keys: colour"),
        ("name = ", "name == ", "could not be read"),
        ('licence = "MIT"', 'licence = ""', "licence must not be empty"),
    ],
)
def test_wrong_card_is_refused_by_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    write_card(tmp_path, CARD)
    path = tmp_path / "card.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(EngineError, match=said) as caught:
        read_card(tmp_path)
    assert str(path) in str(caught.value)


def test_card_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EngineError, match="Copy the model again"):
        read_card(tmp_path)


def test_models_of_a_folder_are_listed_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "empty"):
        (tmp_path / name).mkdir()
    write_card(tmp_path / "b", CARD)
    write_card(tmp_path / "a", replace(CARD, name="a"))
    assert list_models(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert list_models(tmp_path / "nowhere") == []
