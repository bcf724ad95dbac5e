"""Configs of published models: read as they are, refused by name where the sound would differ."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from engine.files.strict import ConfigError
from engine.loading.stable_audio.config_open import parse_config
from engine.loading.stable_audio.sizes import SecondsConfig
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.oobleck import OobleckConfig
from engine.models.prompt_t5 import PromptConfig
from engine.sampling.config import SamplingConfig
from tests.fakes.engine.published_folder import PARITY, PUBLISHED

Table = dict[str, Any]


@cache
def text_of(name: str) -> str:
    return (PUBLISHED / name).read_text(encoding="utf-8")


def published(name: str = "model_config.json") -> Table:
    table: Table = json.loads(text_of(name))
    return table


def place(table: Table, path: str) -> Table:
    for name in path.split("."):
        table = table[int(name)] if isinstance(table, list) else table[name]
    return table


def test_the_released_model_is_read_as_it_is() -> None:
    config = parse_config(published())
    assert config.latents == 256
    assert config.codec == OobleckConfig()
    assert config.transformer == DiffusionTransformerConfig()
    assert config.prompt == PromptConfig("t5-base", 64)
    assert config.numbers == {"seconds_total": SecondsConfig(0, 256)}
    assert config.sampling == SamplingConfig("ping_pong", guidance=1.0)


def test_the_base_model_is_the_same_but_for_its_sampling() -> None:
    base, released = parse_config(published("base_model_config.json")), parse_config(published())
    assert base.sampling == SamplingConfig("euler_log_snr", guidance=6.0)
    assert (base.codec, base.transformer) == (released.codec, released.transformer)


def test_the_recorded_small_model_is_read() -> None:
    config = parse_config(json.loads((PARITY / "model_config.json").read_text(encoding="utf-8")))
    assert config.latents == 16
    assert isinstance(config.codec, OobleckConfig) and config.codec.channels == 4


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("", "training", {"anything": 1}),
        ("", "demo", None),
        ("", "dataset", "x"),
        ("model.pretransform", "chunked", True),
        ("model.pretransform", "model_half", False),
        ("model.pretransform", "iterate_batch", False),
        ("model.pretransform", "scale", 1),
        ("model.pretransform.config.decoder", "requires_grad", False),
        ("model.conditioning.configs.0.config", "enable_grad", True),
        ("model.conditioning", "default_keys", {}),
        ("model.diffusion", "distribution_shift_options", {"min_length": 256}),
        ("model.diffusion.config", "project_cond_tokens", True),
        ("model.diffusion.config", "num_memory_tokens", 0),
        ("model.diffusion.config", "zero_init_branch_outputs", False),
    ],
)
def test_keys_that_change_nothing_are_tolerated(path: str, key: str, value: object) -> None:
    table = published()
    (place(table, path) if path else table)[key] = value
    assert parse_config(table) == parse_config(published())


@pytest.mark.parametrize(
    ("path", "key", "value", "said"),
    [
        ("", "sample_rate", 48_000, "sample_rate must be 44100, got 48000"),
        ("", "sample_rate", None, "sample_rate must be 44100, got None"),
        ("", "audio_channels", 1, "audio_channels must be 2, got 1"),
        ("", "model_type", "diffusion_uncond", "model_type must be one of diffusion_cond, "),
        ("", "sample_size", 524_289, "sample_size must be a multiple of 2048, got 524289"),
        ("", "sample_size", 0, "sample_size must be a multiple"),
        ("", "sample_size", -2048, "sample_size must be a multiple"),
        ("", "sample_size", "long", "sample_size must be a whole number, got 'long'"),
        ("", "sample_size", True, "sample_size must be a whole number, got True"),
        ("", "model", [], "model must be a table"),
        ("model", "lora", {}, "model.lora is not known here"),
        ("model", "io_channels", 32, "model.io_channels must be 64, got 32"),
        ("model.pretransform", "type", "dac", "model.pretransform.type must be 'autoencoder'"),
        ("model.pretransform", "scale", 0.5, "model.pretransform.scale must be 1.0, got 0.5"),
        ("model.pretransform.config", "bottleneck", {"type": "rvq"}, "bottleneck.type must be"),
        ("model.pretransform.config", "latent_dim", 32, "decoder.config.latent_dim must be 32"),
        ("model.pretransform.config", "downsampling_ratio", 1024, "must be 2048, got 1024"),
        ("model.pretransform.config", "io_channels", 1, "io_channels must be 2, got 1"),
        ("model.pretransform.config.decoder", "soft_clip", True, "soft_clip must be False"),
        ("model.pretransform.config.decoder", "type", "dac", "decoder.type must be 'oobleck'"),
        ("model.pretransform.config.decoder.config", "final_tanh", True, "final_tanh must be"),
        ("model.pretransform.config.decoder.config", "use_snake", False, "use_snake must be"),
        ("model.pretransform.config.decoder.config", "channels", 64, "encoder.config.channels"),
        ("model.pretransform.config.encoder.config", "latent_dim", 64, "must be 128, got 64"),
        ("model.pretransform.config.encoder.config", "antialias_activation", True, "antialias"),
        ("model.conditioning", "cond_dim", 512, "model.conditioning.cond_dim must be 768"),
        ("model.conditioning", "configs", [], "model.conditioning.configs must be"),
        ("model.conditioning", "configs", 3, "model.conditioning.configs must be a list"),
        ("model.conditioning.configs.0", "type", "clap_text", "model.conditioning.configs must"),
        ("model.conditioning.configs.0.config", "max_length", 0, "max_length must be 2..512"),
        ("model.conditioning.configs.0.config", "max_length", "64", "max_length must be int"),
        ("model.conditioning.configs.0.config", "t5_model_name", 5, "t5_model_name must be str"),
        ("model.conditioning.configs.0.config", "project_out", True, "project_out must be False"),
        ("model.conditioning.configs.1.config", "min_val", -1, "seconds must be 0"),
        ("model.conditioning.configs.1.config", "max_val", 0, "seconds must be 0"),
        ("model.diffusion", "type", "adp_1d", "model.diffusion.type must be 'dit'"),
        ("model.diffusion", "diffusion_objective", "x", "must be one of rf_denoiser, rectified"),
        ("model.diffusion", "diffusion_objective", {}, "must be one of rf_denoiser, rectified"),
        ("model.diffusion", "global_cond_ids", [], "model.diffusion.global_cond_ids must be"),
        ("model.diffusion", "input_concat_ids", ["x"], "model.diffusion.input_concat_ids must"),
        (
            "model.diffusion.config",
            "attn_kwargs",
            {"qk_norm": "rms"},
            "qk_norm must be one of ln, none",
        ),
        ("model.diffusion.config", "attn_kwargs", {"qk_norm": []}, "qk_norm must be one of"),
        ("model.diffusion.config", "attn_kwargs", {"feat_scale": True}, "feat_scale is not known"),
        ("model.diffusion.config", "num_memory_tokens", 64, "num_memory_tokens must be 0, got 64"),
        ("model.diffusion.config", "project_cond_tokens", False, "a multiple of them"),
        ("model.diffusion.config", "project_cond_tokens", 1, "project_cond_tokens must be"),
        ("model.diffusion.config", "patch_size", 2, "patch_size must be 1, got 2"),
        ("model.diffusion.config", "modulated", True, "model.diffusion.config.modulated is not"),
        ("model.diffusion.config", "depth", 10**9, "at most 256 layers"),
        ("model.diffusion.config", "num_heads", 7, "must be a multiple of num_heads 7"),
        ("model.diffusion.config", "depth", "16", "model.diffusion.config.depth must be int"),
        ("model.diffusion.config", "global_cond_dim", 512, "global_cond_dim must be"),
        ("model.diffusion.config", "io_channels", 32, "model.io_channels must be 32, got 64"),
    ],
)
def test_what_would_change_the_sound_is_named(
    path: str, key: str, value: object, said: str
) -> None:
    table = published()
    (place(table, path) if path else table)[key] = value
    with pytest.raises(ConfigError) as caught:
        parse_config(table)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("model", "diffusion"),
        ("model.pretransform.config", "bottleneck"),
        ("model.pretransform.config.decoder.config", "use_snake"),
        ("model.pretransform.config.decoder.config", "final_tanh"),
        ("model.diffusion", "global_cond_ids"),
        ("model.diffusion", "cross_attention_cond_ids"),
        ("model.diffusion.config", "embed_dim"),
        ("model.conditioning.configs.1.config", "max_val"),
    ],
)
def test_keys_whose_absence_means_something_else_are_missed(path: str, key: str) -> None:
    table = published()
    del place(table, path)[key]
    with pytest.raises(ConfigError, match=f"{path.replace('configs.1.config', '')}.* lacks: {key}"):
        parse_config(table)


def every_place(table: object, path: str = "") -> list[str]:
    if isinstance(table, dict):
        entries = list(table.items())
    elif isinstance(table, list):
        entries = list(enumerate(table))
    else:
        return []
    names = [f"{path}.{name}".strip(".") for name, _ in entries]
    return names + [deeper for name, (_, value) in zip(names, entries, strict=True)
                    for deeper in every_place(value, name)]  # fmt: skip


NONSENSE: tuple[object, ...] = (None, "x", -1, 2.5, [], {}, [None], {"x": 1}, float("nan"))
FREE = ("t5_model_name", "max_val", "attn_kwargs")
"""Keys whose values may be others than the released model's."""


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
def test_nonsense_anywhere_is_refused_or_harmless(value: object) -> None:
    for path in every_place(published()["model"], "model"):
        table = published()
        where, _, last = path.rpartition(".")
        holder = place(table, where)
        holder[int(last) if isinstance(holder, list) else last] = value
        try:
            config = parse_config(table)
        except ConfigError:
            continue
        assert config == parse_config(published()) or last in FREE, path


def test_a_range_without_an_end_is_refused() -> None:
    for value in (float("nan"), float("inf")):
        table = published()
        place(table, "model.conditioning.configs.1.config")["max_val"] = value
        with pytest.raises(ConfigError, match="seconds must be"):
            parse_config(table)
