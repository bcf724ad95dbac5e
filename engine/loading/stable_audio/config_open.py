"""Reads the config of a published model; what cannot be played is refused by its key.

Here are the rules of Stable Audio Open; `config_3` has those of Stable Audio 3. Values under `may`
are the defaults of their code for absent keys. Unknown keys are refused: they might change the
sound. Needs torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from engine.clip import SAMPLE_RATE_HZ
from engine.files.names import with_keys_on_disk
from engine.files.strict import ConfigError, from_table
from engine.loading.stable_audio.config_3 import read_stable_audio_3
from engine.loading.stable_audio.schema import (
    CONDITIONING,
    MODEL,
    PRETRANSFORM,
    Rules,
    is_same,
    must_be,
    must_be_one_of,
    read_conditioners,
    read_table,
)
from engine.loading.stable_audio.sizes import NUMBERS, PublishedConfig, SecondsConfig
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.oobleck import OobleckConfig
from engine.models.prompt_t5 import PromptConfig
from engine.sampling.config import SamplingConfig

KINDS = ("diffusion_cond", "diffusion_cond_inpaint")
"""Stable Audio Open, Stable Audio 3."""
SAMPLING = MappingProxyType(
    {
        "rf_denoiser": SamplingConfig("ping_pong"),
        # The default guidance of stable-audio-tools.
        "rectified_flow": SamplingConfig("euler_log_snr", guidance=6.0),
        # As in the model card of stable-audio-open-1.0.
        "v": SamplingConfig("v_dpm_3m_sde", guidance=7.0),
    }
)
"""How a model of each objective is sampled."""
UNNAMED_OBJECTIVE = "v"


_AUTOENCODER = Rules(
    read=("encoder", "decoder", "bottleneck", "latent_dim", "downsampling_ratio"),
    must={"io_channels": 2},
    may={"in_channels": None, "out_channels": None, "pretransform": None},
)
_BOTTLENECK = Rules(must={"type": "vae"}, may={"config": {}}, harmless=("requires_grad",))
_CODER = Rules(
    read=("config",),
    must={"type": "oobleck"},
    may={"soft_clip": False},
    harmless=("requires_grad",),
)
_SIZES = ("channels", "c_mults", "strides", "latent_dim")
_ENCODER = Rules(
    read=_SIZES, must={"use_snake": True}, may={"in_channels": 2, "antialias_activation": False}
)
_DECODER = Rules(
    read=_SIZES,
    must={"use_snake": True, "final_tanh": False},
    may={"out_channels": 2, "antialias_activation": False, "use_nearest_upsample": False},
)
_PROMPT = Rules(
    read=("t5_model_name", "max_length"), may={"project_out": False}, harmless=("enable_grad",)
)
_SECONDS = Rules(read=("min_val", "max_val"))
_DIFFUSION = Rules(
    read=("config", "cross_attention_cond_ids", "global_cond_ids"),
    optional=("diffusion_objective",),
    must={"type": "dit"},
    may={"input_concat_ids": [], "prepend_cond_ids": []},
    # Shifts training times; stable-audio-tools samples without it.
    harmless=("distribution_shift_options",),
)
_ATTENTION = Rules(optional=("qk_norm",))
_QK_NORM = MappingProxyType({"ln": True, "none": False})
_TRANSFORMER = Rules(
    read=("io_channels", "embed_dim", "depth", "num_heads", "cond_token_dim", "global_cond_dim"),
    optional=("project_cond_tokens", "attn_kwargs"),
    may={
        "transformer_type": "continuous_transformer",
        "patch_size": 1,
        "project_global_cond": True,
        "global_cond_type": "prepend",
        "timestep_cond_type": "global",
        "input_concat_dim": 0,
        "prepend_cond_dim": 0,
        "num_memory_tokens": 0,
        "final_cross_attn_ix": -1,
        "causal": False,
        "rotary_pos_emb": True,
        "conformer": False,
        "use_sinusoidal_emb": False,
        "use_abs_pos_emb": False,
        "sliding_window": None,
        "remove_norms": False,
        "add_rope": False,
        "layer_scale": False,
        "ff_kwargs": {},
        "norm_kwargs": {},
    },
    harmless=("zero_init_branch_outputs", "abs_pos_emb_max_length", "timestep_embed_dim"),
)


def parse_config(table: dict[str, Any]) -> PublishedConfig:
    """Read a whole config. Raises ConfigError, which names the offending key."""
    # Other keys of the top level (training, demo and so on) do not affect the sound.
    for name, wanted in (("sample_rate", SAMPLE_RATE_HZ), ("audio_channels", 2)):
        if not is_same(table.get(name), wanted):
            raise ConfigError(f"{name} must be {wanted!r}, got {table.get(name)!r}.")
    size = table.get("sample_size")
    if isinstance(size, bool) or not isinstance(size, int):
        raise ConfigError(f"sample_size must be a whole number, got {size!r}.")
    kind = table.get("model_type")
    must_be_one_of(kind, KINDS, "model_type")
    read = read_stable_audio_3 if kind == KINDS[1] else _read_stable_audio_open
    try:
        return read(table.get("model"), size)
    except ValueError as error:
        raise ConfigError(f"{error}.") from error


def _read_stable_audio_open(table: object, size: int) -> PublishedConfig:
    """Read the table of a model of the Stable Audio Open kind."""
    model = read_table(table, "model", MODEL)
    diffusion = read_table(model["diffusion"], "model.diffusion", _DIFFUSION)
    objective = diffusion.get("diffusion_objective", UNNAMED_OBJECTIVE)
    must_be_one_of(objective, SAMPLING, "model.diffusion.diffusion_objective")
    transformer = _read_transformer(diffusion["config"])
    prompt, numbers = _read_conditioners(model["conditioning"], transformer.cond_token_dim)
    must_be(diffusion["global_cond_ids"], [*numbers], "model.diffusion.global_cond_ids")
    where = "model.diffusion.cross_attention_cond_ids"
    must_be(diffusion["cross_attention_cond_ids"], ["prompt", *numbers], where)
    codec = _read_codec(model["pretransform"])
    must_be(model["io_channels"], transformer.io_channels, "model.io_channels")
    return PublishedConfig(size, codec, transformer, prompt, numbers, SAMPLING[objective])


def _read_transformer(entry: object) -> DiffusionTransformerConfig:
    where = "model.diffusion.config"
    values = read_table(entry, where, _TRANSFORMER)
    attention = read_table(values.pop("attn_kwargs", {}), f"{where}.attn_kwargs", _ATTENTION)
    norm = attention.get("qk_norm", "none")
    must_be_one_of(norm, _QK_NORM, f"{where}.attn_kwargs.qk_norm")
    values["qk_norm"] = _QK_NORM[norm]
    table = with_keys_on_disk(DiffusionTransformerConfig, values)
    return from_table(DiffusionTransformerConfig, table, where)


def _read_codec(table: object) -> OobleckConfig:
    where = "model.pretransform"
    autoencoder = read_table(
        read_table(table, where, PRETRANSFORM)["config"], f"{where}.config", _AUTOENCODER
    )
    where = f"{where}.config"
    read_table(autoencoder["bottleneck"], f"{where}.bottleneck", _BOTTLENECK)
    sizes = {}
    for side, rules in (("encoder", _ENCODER), ("decoder", _DECODER)):
        coder = read_table(autoencoder[side], f"{where}.{side}", _CODER)
        sizes[side] = read_table(coder["config"], f"{where}.{side}.config", rules)
    decoder, latents = sizes["decoder"], autoencoder["latent_dim"]
    for name in ("channels", "c_mults", "strides"):
        must_be(sizes["encoder"][name], decoder[name], f"{where}.encoder.config.{name}")
    must_be(decoder["latent_dim"], latents, f"{where}.decoder.config.latent_dim")
    if isinstance(latents, int):  # else the table below says so
        wide = 2 * latents  # a mean and a scale for each latent
        must_be(sizes["encoder"]["latent_dim"], wide, f"{where}.encoder.config.latent_dim")
    values = {
        "channels": decoder["channels"],
        "multiples": decoder["c_mults"],
        "strides": decoder["strides"],
        "latent_dim": latents,
    }
    codec = from_table(OobleckConfig, values, f"{where}.decoder.config")
    ratio = codec.samples_per_latent
    must_be(autoencoder["downsampling_ratio"], ratio, f"{where}.downsampling_ratio")
    return codec


def _read_conditioners(
    table: object, width: int
) -> tuple[PromptConfig, Mapping[str, SecondsConfig]]:
    where = CONDITIONING
    entries = read_conditioners(table, width)
    kinds = [[entry["id"], entry["type"]] for entry in entries]
    known = [[["prompt", "t5"], *([name, "number"] for name in names)] for names in NUMBERS]
    if kinds not in known:
        must_be(kinds, known[0], f"{where}.configs")
    prompt = read_table(entries[0]["config"], f"{where}.prompt", _PROMPT)
    numbers = {
        entry["id"]: from_table(
            SecondsConfig,
            read_table(entry["config"], f"{where}.{entry['id']}", _SECONDS),
            f"{where}.{entry['id']}",
        )
        for entry in entries[1:]
    }
    return from_table(PromptConfig, prompt, f"{where}.prompt"), MappingProxyType(numbers)
