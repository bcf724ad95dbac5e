"""Names on disk: old files are read, new ones are written with the same keys."""

from __future__ import annotations

import json

import pytest

from engine.files.names import to_table
from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml
from engine.library.card import EMBEDDED_FOLDER
from engine.loading.model_folder import CONFIG, ModelConfig
from engine.models.dit_config import DiffusionTransformerConfig


def test_the_embedded_model_s_config_is_written_as_it_was_read() -> None:
    table = read_toml(EMBEDDED_FOLDER / CONFIG)
    # A file has lists where values are tuples.
    written = json.loads(json.dumps(to_table(from_table(ModelConfig, table, CONFIG))))
    # Later versions may have more keys, and more tables.
    assert written | {part: written[part] | values for part, values in table.items()} == written


def test_fields_have_their_own_names_in_the_code_and_older_ones_on_disk() -> None:
    config = from_table(DiffusionTransformerConfig, {"modulated": True, "memory_tokens": 3}, "x")
    assert config.adaln and config.registers == 3
    with pytest.raises(ConfigError, match=r"x has unknown keys: registers\."):
        from_table(DiffusionTransformerConfig, {"registers": 3}, "x")
    with pytest.raises(ConfigError, match=r"x\.modulated must be bool, got 1\."):
        from_table(DiffusionTransformerConfig, {"modulated": 1}, "x")
    with pytest.raises(ConfigError, match=r"x: memory_tokens must be at least 0, got -1"):
        from_table(DiffusionTransformerConfig, {"memory_tokens": -1}, "x")
