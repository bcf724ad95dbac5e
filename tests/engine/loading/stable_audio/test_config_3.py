"""Configs of the small Stable Audio 3: what is read, what is harmless, what is refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.api import EngineError
from engine.files.strict import ConfigError
from engine.hardware.weights import SkipInit
from engine.loading.model_folder import load_model
from engine.loading.stable_audio.config_open import parse_config
from engine.loading.stable_audio.model import CODEC, PADDING, TRANSFORMER, PublishedNetworks
from engine.models.same import SameConfig
from engine.sampling.config import SamplingConfig
from tests.fakes.engine.published_folder import (
    CONFIG,
    PARITY_3,
    WEIGHTS,
    change_config,
    change_weights,
)

RELEASED_BYTES = 2_270_384_940
RELEASED_TENSORS = 685
T5GEMMA = "t5gemma-b-b-ul2"


def recorded() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((PARITY_3 / CONFIG).read_text(encoding="utf-8"))
    return table


def full_size() -> dict[str, Any]:
    """The config of stable-audio-3-small-music, by what it has other than the recorded one."""
    table = recorded()
    table["sample_size"] = 5_292_032
    model = table["model"]
    model["io_channels"] = 256
    autoencoder = model["pretransform"]["config"]
    autoencoder["latent_dim"] = autoencoder["bottleneck"]["config"]["dim"] = 256
    for side in ("encoder", "decoder"):
        autoencoder[side]["config"] |= {"channels": 128, "c_mults": [6], "latent_dim": 256}
        autoencoder[side]["config"] |= {"transformer_depths": [6], "dim_heads": 64}
    autoencoder["decoder"]["config"]["sinusoidal_blocks"] = [0]
    model["conditioning"]["cond_dim"] = 768
    model["conditioning"]["configs"][0]["config"]["max_length"] = 256
    sizes = {"io_channels": 256, "embed_dim": 1024, "depth": 20, "num_heads": 16}
    sizes |= {"cond_token_dim": 768, "global_cond_dim": 768, "local_add_cond_dim": 257}
    model["diffusion"]["config"] |= sizes | {"num_memory_tokens": 64, "ff_kwargs": {"mult": 4.0}}
    return table


def test_the_released_size_is_read() -> None:
    config = parse_config(full_size())
    assert config.codec == SameConfig()
    assert config.codec.samples_per_latent == 4096
    assert config.latents == 1292
    assert config.sampling == SamplingConfig("ping_pong", first_log_snr=-6.2)
    assert config.prompt.gemma and config.prompt.t5_model_name == T5GEMMA


def test_a_file_of_its_tensors_is_as_long_as_the_released_one() -> None:
    with SkipInit():
        shapes = PublishedNetworks(parse_config(full_size())).published_shapes()
    assert len(shapes) == RELEASED_TENSORS
    assert sum(name.startswith(TRANSFORMER) for name in shapes) == 438
    assert sum(name.startswith(CODEC) for name in shapes) == 244
    header, end = {}, 0
    for name in sorted(shapes):
        begin, end = end, end + 4 * shapes[name].numel()
        header[name] = {"dtype": "F32", "shape": [*shapes[name]], "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"))
    assert 8 + len(text) + -len(text) % 8 + end == RELEASED_BYTES


def place(table: dict[str, Any], path: str) -> dict[str, Any]:
    for name in path.split("."):
        table = table[int(name)] if name.isdigit() else table[name]  # type: ignore[index]
    return table


DIT = "model.diffusion.config"
AUTOENCODER = "model.pretransform.config"
DECODER = f"{AUTOENCODER}.decoder.config"
PROMPT = "model.conditioning.configs.0.config"


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (DIT, {"global_cond_type": "prepend"}, "global_cond_type must be 'adaLN'"),
        (DIT, {"attn_kwargs": {"qk_norm": "ln"}}, "qk_norm must be 'rms'"),
        (f"{DIT}.attn_kwargs", {"differential": True}, "attn_kwargs.differential must be False"),
        (DIT, {"norm_type": "layer_norm"}, "norm_type must be 'rms_norm'"),
        (DIT, {"timestep_features_logsnr": True}, "timestep_features_logsnr must be False"),
        (DIT, {"local_add_cond_dim": 8}, "local_add_cond_dim must be 9"),
        (DIT, {"ff_kwargs": {"mult": 1.5}}, "mult must be a whole number, got 1.5"),
        (DIT, {"ff_kwargs": {"mult": 0}}, "mult must be at least 1"),
        (DIT, {"num_memory_tokens": -1}, "memory_tokens must be at least 0"),
        (DIT, {"magic": 1}, "config.magic is not known here"),
        ("model.diffusion", {"diffusion_objective": "v"}, "diffusion_objective must be one of"),
        ("model.diffusion", {"local_add_cond_ids": []}, "local_add_cond_ids must be"),
        (
            "model.diffusion",
            {"sampling_distribution_shift_options": {"type": "flux"}},
            "sampling_distribution_shift_options must be None",
        ),
        (DECODER, {"sliding_window": [1, 1]}, "sliding_window must be None"),
        (DECODER, {"chunk_midpoint_shift": False}, "chunk_midpoint_shift must be True"),
        (DECODER, {"dyt": False}, "dyt must be True"),
        (DECODER, {"strides": [4, 4]}, "strides must hold one number"),
        (DECODER, {"chunk_size": 48}, "encoder.config.chunk_size must be 48"),
        (DECODER, {"channels": 16}, "encoder.config.channels must be 16"),
        (DECODER, {"out_channels": 2}, "out_channels must be 512"),
        (AUTOENCODER, {"downsampling_ratio": 2048}, "downsampling_ratio must be 4096"),
        (f"{AUTOENCODER}.bottleneck", {"type": "vae"}, "bottleneck.type must be 'softnorm'"),
        (PROMPT, {"padding_mode": "zero"}, "padding_mode must be 'learned'"),
        (PROMPT, {"max_length": 1000}, "max_length must be 2..512"),
        ("model.conditioning.configs.0", {"type": "t5"}, "configs must be"),
        (
            "model.conditioning.configs.1.config",
            {"fourier_features_type": "learned"},
            "fourier_features_type must be 'expo'",
        ),
    ],
    ids=str,
)
def test_what_would_sound_otherwise_is_refused_by_name(
    path: str, change: dict[str, Any], said: str
) -> None:
    table = recorded()
    place(table, path).update(change)
    with pytest.raises(ConfigError) as caught:
        parse_config(table)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (24, "chunk_size must be a multiple of 16"),
        (16, "a chunk must hold an even number of latents: 1"),
        (0, "chunk_size must be at least 1"),
        ("32", "chunk_size must be a whole number"),
    ],
)
def test_chunks_that_do_not_split_in_two_are_refused(size: object, said: str) -> None:
    table = recorded()
    for side in ("encoder", "decoder"):
        place(table, f"{AUTOENCODER}.{side}.config").update(chunk_size=size)
    with pytest.raises(ConfigError, match=said):
        parse_config(table)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (DECODER, {"mask_noise": 0.01, "checkpointing": True, "conv_bias": False}),
        (f"{AUTOENCODER}.bottleneck.config", {"noise_regularize": False, "freeze": False}),
        ("model.pretransform", {"chunked": True, "model_half": True}),
        ("model.diffusion", {"mask_padding_attention": False, "distribution_shift_options": {}}),
        (f"{DIT}.norm_kwargs", {"force_fp32": False}),
        ("", {"training": {"magic": True}}),
    ],
    ids=str,
)
def test_what_sounds_the_same_is_tolerated(path: str, change: dict[str, Any]) -> None:
    table = recorded()
    (place(table, path) if path else table).update(change)
    assert parse_config(table) == parse_config(recorded())


# --- folders ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(PARITY_3, tmp_path / "music")


def refusal(folder: Path) -> str:
    with pytest.raises(EngineError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


NORM = "model.model.transformer.layers.0.pre_norm.gamma"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda w: w.pop(PADDING), f"lacks tensors: {PADDING}."),
        (lambda w: w.pop(NORM), f"lacks tensors: {NORM}."),
        (lambda w: w.update({NORM: torch.ones(63)}), f"{NORM} must have shape (64,), got (63,)."),
        (lambda w: w.update(stray=torch.zeros(2)), "has unknown tensors: stray."),
        (lambda w: w[NORM].fill_(float("nan")), f"{NORM} holds values that are not numbers."),
    ],
    ids=["no padding", "missing", "misshapen", "extra", "not a number"],
)
def test_weights_of_another_model_are_refused(
    folder: Path, spoil: Callable[[dict[str, Tensor]], object], said: str
) -> None:
    change_weights(folder / WEIGHTS, spoil)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_activation": "relu"}, "encoder.hidden_activation must be 'gelu_pytorch_tanh'"),
        ({"attention_bias": True}, "encoder.attention_bias must be False"),
        ({"sliding_window": 64}, "encoder.sliding_window must be at least 1024, got 64"),
        ({"hidden_size": 16}, "its width must be 32, got 16"),
        ({"num_hidden_layers": 3}, "lacks tensors: layers.2."),
        ({"num_key_value_heads": 3}, "must be a multiple of num_key_value_heads 3"),
        ({"head_dim": 0}, "encoder.head_dim must be at least 1, got 0"),
        ({"attn_logit_softcapping": None}, "attn_logit_softcapping must be float, got None"),
        ({"vocab_size": 40}, "must have shape (40, 32)"),
    ],
    ids=str,
)
def test_a_text_encoder_of_another_kind_is_refused(
    folder: Path, change: dict[str, Any], said: str
) -> None:
    change_config(folder / T5GEMMA / "config.json", lambda table: table["encoder"].update(change))
    assert said in refusal(folder)


def test_a_t5_in_its_place_is_refused(folder: Path) -> None:
    change_config(folder / T5GEMMA / "config.json", lambda table: table.update(model_type="t5"))
    assert "is not T5Gemma's: model_type is 't5'" in refusal(folder)


def test_a_missing_text_encoder_says_what_to_put_where(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    away = shutil.move(folder / T5GEMMA, tmp_path / "away")
    message = refusal(folder)
    assert f"needs the text encoder {T5GEMMA}" in message
    assert str(folder / T5GEMMA) in message
    # The first of the family that was ever loaded keeps it in the cache for the others.
    snapshot = cache / "models--stabilityai--stable-audio-3-small-music"
    (snapshot / "refs").mkdir(parents=True)
    (snapshot / "refs" / "main").write_text("abc", encoding="utf-8")
    shutil.copytree(away, snapshot / "snapshots" / "abc" / T5GEMMA)
    load_model(folder)
