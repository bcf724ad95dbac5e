"""Codecs beside Opus: what is printed, what is left out, and that Opus keeps time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api import EngineError
from engine.clip import Clip
from engine.evaluation.measures.codec_measures import log_mel_distance
from engine.evaluation.references import opus
from engine.evaluation.references.opus import (
    ADVICE,
    OpusTool,
    code_with_opus,
    find_opus,
    sound_bytes,
)
from engine.evaluation.reports.codec_table import codecs_as_json, format_codec_table, write_codecs
from engine.evaluation.runs.codec_comparison import (
    compare_codecs,
)
from engine.training.run.errors import RunError
from tests.fakes.engine.tiny_model import noise, sine, write_tiny_model

COPY = (
    "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2]); "
    "assert sys.argv[3].isdigit(), sys.argv"
)
COPIER = OpusTool(
    "copier",
    (sys.executable, "-c", COPY, "{in}", "{out}", "{kbit}"),
    (sys.executable, "-c", COPY, "{in}", "{out}", "{rate}"),
)


def silent(text: str) -> None:
    """Shows nothing."""


def cut_clip(sound: torch.Tensor) -> Clip:
    return Clip(np.ascontiguousarray(sound[0].numpy().T), 44_100)


def test_codec_frames_and_opus_have_a_row_each(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    rows = compare_codecs([model], 4, silent, COPIER)
    names = ["frames alone", "tiny", "Opus 64 (copier)", "Opus 32 (copier)"]
    assert [row.name for row in rows] == names
    alone, codec, copied, _ = (row.every for row in rows)
    assert copied.log_mel_db < 0.1 < alone.log_mel_db < codec.log_mel_db
    assert codec.kbit is not None and codec.kbit > 0
    table = format_codec_table(rows)
    assert all(name in table for name in names)
    assert "4 held-out sounds" in table
    found = json.loads(codecs_as_json(rows))["rows"]
    assert found[1]["every"]["log_mel_db"] == codec.log_mel_db
    assert sum(figures["sounds"] for figures in found[1]["families"].values()) == 4
    assert json.loads(write_codecs(rows, tmp_path / "new").read_text()) == {"rows": found}


def test_without_opus_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    said: list[str] = []
    rows = compare_codecs([write_tiny_model(tmp_path / "tiny")], 4, said.append, None)
    assert [row.name for row in rows] == ["frames alone", "tiny"]
    assert ADVICE in said


def test_a_folder_without_a_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no finished codec"):
        compare_codecs([tmp_path], 4, silent, None)


def test_figures_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="could not be written"):
        write_codecs([], tmp_path / "file")


def test_tools_are_taken_where_both_halves_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"opusenc": "/x", "opusdec": "/x"}

    def which(name: str) -> str | None:
        return here.get(name)

    assert find_opus(which) is opus.OPUS_TOOLS
    del here["opusdec"]
    assert find_opus(which) is None
    assert find_opus(lambda name: None) is None


def test_an_ffmpeg_without_opus_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    monkeypatch.setenv("PATH", str(tmp_path))
    for listed, found in ((" A..... libopus ", opus.FFMPEG), (" A..... aac ", None)):
        program.write_text(f"#!/bin/sh\necho '{listed}'\n")
        program.chmod(0o755)
        assert find_opus({"ffmpeg": str(program)}.get) is found


def test_a_coder_that_fails_is_told_in_its_own_words() -> None:
    broken = OpusTool("broken", (sys.executable, "-c", "raise SystemExit('no such rate')"), ())
    with pytest.raises(EngineError, match="no such rate"):
        code_with_opus(broken, 64, cut_clip(noise(0.1)))
    missing = OpusTool("missing", ("/nowhere/opusenc", "{in}", "{out}"), ())
    with pytest.raises(EngineError, match="could not be started"):
        code_with_opus(missing, 64, cut_clip(noise(0.1)))


def test_headers_of_a_file_are_not_its_sound() -> None:
    def page(*sizes: int) -> bytes:
        return b"OggS" + bytes(22) + bytes([len(sizes), *sizes]) + bytes(sum(sizes))

    assert sound_bytes(page(19) + page(200, 10) + page(255, 45) + page(7)) == 307
    assert sound_bytes(b"") == 0


@pytest.mark.skipif(find_opus() is None, reason="no Opus coder on this computer")
@pytest.mark.parametrize("seconds", [0.05, 0.7])
def test_opus_keeps_time_length_and_rate(seconds: float) -> None:
    tool = find_opus()
    assert tool is not None
    real = cut_clip(sine(440, seconds) + noise(seconds, 0.02))
    coded = code_with_opus(tool, 64, real)
    assert coded.clip.samples.shape == real.samples.shape
    assert np.corrcoef(coded.clip.samples[:, 0], real.samples[:, 0])[0, 1] > 0.9
    assert coded.kbit is not None and 8 < coded.kbit < 250
    first, second = (torch.from_numpy(x.samples.T.copy()) for x in (real, coded.clip))
    assert log_mel_distance(first, second) < 6
