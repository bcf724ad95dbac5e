"""Reads the config of a small Stable Audio 3; what cannot be played is refused by its key.

`config_open` does so for Stable Audio Open; `may` holds the defaults of their code. Not supported
are the medium models: differential attention in the transformer, windows in the autoencoder. Needs
torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from engine.files.names import with_keys_on_disk
from engine.files.strict import ConfigError, from_table
from engine.loading.stable_audio.schema import (
    CONDITIONING,
    MODEL,
    PRETRANSFORM,
    Rules,
    must_be,
    must_be_one_of,
    read_conditioners,
    read_table,
)
from engine.loading.stable_audio.sizes import TOTAL, PublishedConfig, SecondsConfig
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.prompt_t5 import PromptConfig
from engine.models.same import SameConfig
from engine.sampling.config import SamplingConfig

FIRST_LOG_SNR = -6.2
SAMPLING = MappingProxyType(
    {"rf_denoiser": SamplingConfig("ping_pong", first_log_snr=FIRST_LOG_SNR)}
)
TEXT_ENCODER = "t5gemma-b-b-ul2"

_AUTOENCODER = Rules(
    read=("pretransform", "encoder", "decoder", "bottleneck", "latent_dim", "downsampling_ratio"),
    must={"io_channels": 2},
    may={"in_channels": None, "out_channels": None},
)
_PATCHES = Rules(read=("type", "config"), must={"type": "patched"})
_PATCH_SIZES = Rules(
    read=("patch_size",), must={"channels": 2}, may={"oversampling": 1, "postfilter_channels": 0}
)
_BOTTLENECK = Rules(read=("config",), must={"type": "softnorm"}, harmless=("requires_grad",))
_SOFT_NORM = Rules(
    read=("dim",),
    must={"auto_scale": True},
    may={"noise_augment_dim": 0},
    # The noise that this adds to latents before decoding is left out.
    harmless=("freeze", "noise_regularize"),
)
_CODER = Rules(
    read=("config",), must={"type": "same"}, may={"soft_clip": False}, harmless=("requires_grad",)
)
_SAME = ("channels", "c_mults", "strides", "latent_dim", "chunk_size")
_MAY_SAME = MappingProxyType({"dim_heads": 128, "ff_mult": 3, "variable_stride": False})
_CODER_SIZES = Rules(
    read=(*_SAME, "transformer_depths"),
    optional=(*_MAY_SAME, "conv_mapping", "sinusoidal_blocks", "in_channels", "out_channels"),
    must={"chunk_midpoint_shift": True},
    may={
        "differential": True,
        "dyt": True,
        "sliding_window": None,
        "conformer": False,
        "layer_scale": False,
        "feat_scale": False,
        "cross_attn": False,
        "causal": False,
        "mapping_bias": True,
    },
    # The noise that mask_noise adds to new tokens is left out; conv_bias is read by no code.
    harmless=("checkpointing", "freeze_backbone", "mask_noise", "conv_bias"),
)
_PROMPT = Rules(
    read=("max_length",),
    optional=("repo_id", "subfolder"),
    must={"padding_mode": "learned"},
    may={"project_out": False, "model_name": f"google/{TEXT_ENCODER}"},
    harmless=("enable_grad", "model_path"),
)
_SECONDS = Rules(read=("min_val", "max_val"), must={"fourier_features_type": "expo"})
_DIFFUSION = Rules(
    read=("config", "diffusion_objective"),
    must={
        "type": "dit",
        "cross_attention_cond_ids": ["prompt", TOTAL],
        "global_cond_ids": [TOTAL],
        "local_add_cond_ids": ["inpaint_mask", "inpaint_masked_input"],
    },
    may={
        "input_concat_ids": [],
        "prepend_cond_ids": [],
        "modular_local_cond_configs": [],
        "sampling_distribution_shift_options": None,
    },
    # The first shifts training times only; their sampling code always has the others on.
    harmless=(
        "distribution_shift_options",
        "mask_padding_attention",
        "use_effective_length_for_schedule",
    ),
)
_SIZES = ("io_channels", "embed_dim", "depth", "num_heads", "cond_token_dim", "global_cond_dim")
_TRANSFORMER = Rules(
    read=(*_SIZES, "local_add_cond_dim", "attn_kwargs"),
    optional=("num_memory_tokens", "ff_kwargs", "norm_kwargs"),
    must={
        "global_cond_type": "adaLN",
        "timestep_features_type": "expo",
        "norm_type": "rms_norm",
    },
    may={
        "transformer_type": "continuous_transformer",
        "patch_size": 1,
        "project_cond_tokens": True,
        "project_global_cond": True,
        "timestep_cond_type": "global",
        "timestep_features_logsnr": False,
        "timestep_features_dim": 256,
        "input_concat_dim": 0,
        "prepend_cond_dim": 0,
        "final_cross_attn_ix": -1,
        "causal": False,
        "rotary_pos_emb": True,
        "cross_attn_rotary_pos_emb": False,
        "conformer": False,
        "use_sinusoidal_emb": False,
        "use_abs_pos_emb": False,
        "sliding_window": None,
        "add_rope": False,
        "layer_scale": False,
    },
    harmless=("zero_init_branch_outputs", "abs_pos_emb_max_length", "timestep_embed_dim"),
)
_ATTENTION = Rules(
    must={"qk_norm": "rms"}, may={"differential": False, "feat_scale": False, "qk_norm_eps": 1e-6}
)
_FEED_FORWARD = Rules(
    optional=("mult",), may={"no_bias": False, "glu": True, "use_conv": False, "sinusoidal": False}
)
_NORM = Rules(may={"eps": 1e-5, "fix_scale": False}, harmless=("force_fp32",))


def read_stable_audio_3(table: object, size: int) -> PublishedConfig:
    """Read the model's table; `size` in samples. Raises ConfigError or ValueError."""
    model = read_table(table, "model", MODEL)
    where = "model.diffusion"
    diffusion = read_table(model["diffusion"], where, _DIFFUSION)
    objective = diffusion["diffusion_objective"]
    must_be_one_of(objective, SAMPLING, f"{where}.diffusion_objective")
    transformer = _read_transformer(diffusion["config"], f"{where}.config")
    prompt, seconds = _read_conditioners(model["conditioning"], transformer.cond_token_dim)
    codec = _read_codec(model["pretransform"])
    must_be(model["io_channels"], transformer.io_channels, "model.io_channels")
    numbers = MappingProxyType({TOTAL: seconds})
    return PublishedConfig(size, codec, transformer, prompt, numbers, SAMPLING[objective])


def _read_transformer(entry: object, where: str) -> DiffusionTransformerConfig:
    values = read_table(entry, where, _TRANSFORMER)
    read_table(values["attn_kwargs"], f"{where}.attn_kwargs", _ATTENTION)
    read_table(values.get("norm_kwargs", {}), f"{where}.norm_kwargs", _NORM)
    feed = read_table(values.get("ff_kwargs", {}), f"{where}.ff_kwargs", _FEED_FORWARD)
    sizes: dict[str, Any] = {name: values[name] for name in _SIZES}
    sizes |= {
        "registers": values.get("num_memory_tokens", 0),
        "local_cond_dim": values["local_add_cond_dim"],
        "ff_multiple": _read_whole(feed.get("mult", 4), f"{where}.ff_kwargs.mult"),
        "adaln_only": True,
        "rms_norm": True,
        "fixed_fourier_times": True,
    }
    table = with_keys_on_disk(DiffusionTransformerConfig, sizes)
    config = from_table(DiffusionTransformerConfig, table, where)
    # A mask channel and the kept latents.
    must_be(config.local_cond_dim, 1 + config.io_channels, f"{where}.local_add_cond_dim")
    return config


def _read_conditioners(table: object, width: int) -> tuple[PromptConfig, SecondsConfig]:
    where = CONDITIONING
    entries = read_conditioners(table, width)
    kinds = [[entry["id"], entry["type"]] for entry in entries]
    must_be(kinds, [["prompt", "t5gemma"], [TOTAL, "number"]], f"{where}.configs")
    prompt = read_table(entries[0]["config"], f"{where}.prompt", _PROMPT)
    named = {
        "t5_model_name": prompt.get("subfolder", TEXT_ENCODER),
        "max_length": prompt["max_length"],
        "gemma": True,
        "repository": prompt.get("repo_id", ""),
    }
    seconds = read_table(entries[1]["config"], f"{where}.{TOTAL}", _SECONDS) | {
        "fixed_fourier": True
    }
    return (
        from_table(PromptConfig, named, f"{where}.prompt"),
        from_table(SecondsConfig, seconds, f"{where}.{TOTAL}"),
    )


def _read_codec(table: object) -> SameConfig:
    where = "model.pretransform.config"
    outer = read_table(table, "model.pretransform", PRETRANSFORM)["config"]
    autoencoder = read_table(outer, where, _AUTOENCODER)
    patches = read_table(autoencoder["pretransform"], f"{where}.pretransform", _PATCHES)
    patch = read_table(patches["config"], f"{where}.pretransform.config", _PATCH_SIZES)
    norm = read_table(autoencoder["bottleneck"], f"{where}.bottleneck", _BOTTLENECK)
    soft = read_table(norm["config"], f"{where}.bottleneck.config", _SOFT_NORM)
    encoder, decoder = (_read_coder(autoencoder, side, where) for side in ("encoder", "decoder"))
    for name in (*_SAME, *_MAY_SAME):
        must_be(encoder[name], decoder[name], f"{where}.encoder.config.{name}")
    for value, name in (
        (soft["dim"], "bottleneck.config.dim"),
        (decoder["latent_dim"], "decoder.config.latent_dim"),
    ):
        must_be(value, autoencoder["latent_dim"], f"{where}.{name}")
    stride = _read_whole(decoder["strides"], f"{where}.decoder.config.strides")
    chunk = _read_whole(decoder["chunk_size"], f"{where}.decoder.config.chunk_size")
    if chunk % stride:
        raise ConfigError(f"{where}.decoder.config.chunk_size must be a multiple of {stride}.")
    values = {
        "patch_size": patch["patch_size"],
        "width": _read_whole(decoder["channels"], f"{where}.decoder.config.channels")
        * _read_whole(decoder["c_mults"], f"{where}.decoder.config.c_mults"),
        "head_dims": decoder["dim_heads"],
        "latent_dim": autoencoder["latent_dim"],
        "stride": stride,
        "chunk_latents": chunk // stride,
        "encoder_depth": encoder["transformer_depths"],
        "decoder_depth": decoder["transformer_depths"],
        "ff_multiple": _read_whole(decoder["ff_mult"], f"{where}.decoder.config.ff_mult"),
        "sine_blocks": decoder.get("sinusoidal_blocks", 0),
        "own_tokens": not decoder["variable_stride"],
        "wide_encoder_mapping": encoder.get("conv_mapping", False),
        "wide_decoder_mapping": decoder.get("conv_mapping", False),
    }
    codec = from_table(SameConfig, values, f"{where}.decoder.config")
    for side, name in (("encoder", "in_channels"), ("decoder", "out_channels")):
        given = (encoder if side == "encoder" else decoder).get(name)
        must_be(given, codec.patch_channels, f"{where}.{side}.config.{name}")
    ratio = codec.samples_per_latent
    must_be(autoencoder["downsampling_ratio"], ratio, f"{where}.downsampling_ratio")
    return codec


def _read_coder(autoencoder: Mapping[str, Any], side: str, where: str) -> dict[str, Any]:
    """Read the sizes of one half, whose lists have one entry: there is one resampling."""
    coder = read_table(autoencoder[side], f"{where}.{side}", _CODER)
    sizes = dict(_MAY_SAME) | read_table(coder["config"], f"{where}.{side}.config", _CODER_SIZES)
    for name in ("c_mults", "strides", "transformer_depths", "sinusoidal_blocks"):
        if name not in sizes:
            continue
        if not isinstance(sizes[name], list) or len(sizes[name]) != 1:
            raise ConfigError(
                f"{where}.{side}.config.{name} must hold one number, got {sizes[name]!r}."
            )
        sizes[name] = sizes[name][0]
    return sizes


def _read_whole(value: object, where: str) -> int:
    """Read a whole number, which may be written as 4.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ConfigError(f"{where} must be a whole number, got {value!r}.")
    if value < 1:
        raise ConfigError(f"{where} must be at least 1, got {value!r}.")
    return int(value)
