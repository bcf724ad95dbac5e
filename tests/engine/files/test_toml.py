"""TOML files: read with errors in words, read back as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.files.strict import ConfigError
from engine.files.toml import as_toml, read_toml, write_toml


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no file .*none\.toml"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="could not be read"):
        read_toml(tmp_path)
    broken = tmp_path / "broken.toml"
    for content in (b"a = ", b"\xff\xfe\x00", b"a = 1\na = 2"):
        broken.write_bytes(content)
        with pytest.raises(ConfigError, match=r"broken\.toml could not be read"):
            read_toml(broken)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    table = {
        "name": 'a "b" \\ c\n\u00fc\x7f',
        "whole": 3,
        "small": 1e-05,
        "yes": True,
        "list": [1.5, 2],
        "none": [],
        "words": ["a", "b"],
        "inner": {"x": 1, "deep": {"y": "z"}},
        "tables": [{"x": 1}, {"x": 2}],
        "nothing": None,
    }
    write_toml(tmp_path / "config.toml", table)
    del table["nothing"]
    assert read_toml(tmp_path / "config.toml") == table
    assert (tmp_path / "config.toml").read_text(encoding="utf-8") == as_toml(table)
