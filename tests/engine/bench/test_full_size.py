"""The bench of a published model in every precision, on the small one of the tests."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.api import Recipe
from engine.bench import full_size
from engine.bench.full_size import (
    PrecisionTimes,
    format_table,
    list_precisions,
    measure_full_size,
    time_precision,
)
from engine.generation import decoding
from engine.generation.generator import Generator
from engine.library.card import read_card
from engine.loading.model_folder import load_model
from tests.fakes.engine.published_folder import PARITY

RECIPE = Recipe("sports car passing by", seconds=0.7, steps=2)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_size, "RECIPE", RECIPE)
    monkeypatch.setattr(full_size, "write_model", lambda folder: PARITY)


def test_every_precision_of_a_device_is_timed() -> None:
    assert list_precisions("cpu") == (
        "float32", "bfloat16", "bfloat16-all", "int8", "int8-all",
    )  # fmt: skip
    assert list_precisions("cuda") == ("float32", "bfloat16", "bfloat16-all")
    told: list[str] = []
    printed = measure_full_size("cpu", 1, told.append, ("float32", "int8-all"))
    assert [line.split(" | ")[0] for line in printed.splitlines()[-2:]] == [
        "| float32", "| int8-all",
    ]  # fmt: skip
    assert told[1:] == ["timing float32", "timing int8-all"]


def test_stages_sum_to_the_whole_and_the_beginning_comes_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = time_precision(PARITY, "cpu", "float32", 1)
    assert row.text_s + row.steps_s + row.decode_s == pytest.approx(row.whole_s, rel=0.1)
    generator = Generator(load_model(PARITY)[0], read_card(PARITY), "cpu", "float32")
    # Without a part of its own the beginning is there when the whole is.
    assert full_size.time_first_sound(generator, RECIPE) > 0
    monkeypatch.setattr(decoding, "PREVIEW_LATENTS", 2)
    ended: list[float] = []
    decode = generator.model.decode_windows

    def listening(*given: object) -> object:
        for part in decode(*given):  # type: ignore[arg-type]
            yield part
            ended.append(time.perf_counter())

    monkeypatch.setattr(generator.model, "decode_windows", listening)
    began = time.perf_counter()
    first_s = full_size.time_first_sound(generator, RECIPE)
    assert len(ended) == 2
    assert first_s < ended[1] - began


def test_the_table_says_where_and_how_early_the_first_sound_is() -> None:
    row = PrecisionTimes("float32", 3.0, 0.1, 8.0, 4.0, 12.0, 9.0, None)
    text = format_table(
        [row, replace(row, precision="bfloat16", gpu_bytes=2_400_000_000)], "A processor"
    )
    assert text.startswith("A processor, torch ")
    assert "| float32 | 3 | 0.1 | 8 | 4 | 12 | 9 | 75% | – |" in text
    assert text.endswith("| 75% | 2.40 GB |")


def test_the_text_encoder_that_is_written_reads_the_prompt(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    full_size._write_text_encoder(tmp_path / "t5-base")
    tokenizer = Tokenizer.from_file(str(tmp_path / "t5-base" / "tokenizer.json"))
    ids = tokenizer.encode(RECIPE.prompt).ids
    assert len(ids) == 5 and ids[-1] == 1 and max(ids) < 32_128
