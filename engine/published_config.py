"""The config of a published model: what can be played is read, what cannot is refused by name.

Stable-audio-tools fills absent keys with defaults; those are the values under `may`. A key that
is not known here would change the sound in ways that Pingpad would not follow. Engine process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from engine.models.dit import DiffusionTransformerConfig
from engine.models.oobleck import OobleckConfig
from engine.models.prompt_t5 import PromptConfig
from engine.sampling.config import SamplingConfig
from engine.toml_config import ConfigError, from_table

SAMPLE_RATE_HZ = 44_100
MOST_LAYERS = 256
"""More can only be a mistake, which would keep the engine busy building them."""
SAMPLING = MappingProxyType(
    {
        "rf_denoiser": SamplingConfig("ping_pong"),
        # The guidance that stable-audio-tools samples with where none is named.
        "rectified_flow": SamplingConfig("euler_log_snr", guidance=6.0),
        # As the card of stable-audio-open-1.0 samples it.
        "v": SamplingConfig("v_dpm_3m_sde", guidance=7.0),
    }
)
"""How a model of each objective is sampled."""
UNNAMED_OBJECTIVE = "v"
TOTAL, START = "seconds_total", "seconds_start"
NUMBERS = ((TOTAL,), (START, TOTAL))
"""What a model may be told beside the prompt: the length, and where in a longer piece it begins."""


@dataclass(frozen=True, slots=True)
class SecondsConfig:
    """The range of an embedding of seconds."""

    min_val: float
    max_val: float

    def __post_init__(self) -> None:
        """Refuse ranges that the embedding cannot have."""
        if self.min_val != 0 or not 0 < self.max_val < math.inf:
            raise ValueError(f"seconds must be 0 to above 0, got {self.min_val} to {self.max_val}")


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """Everything that sizes a published model's networks; `sample_size` in samples.

    `numbers` are those of NUMBERS, by their names and in their order.
    """

    sample_size: int
    codec: OobleckConfig
    transformer: DiffusionTransformerConfig
    prompt: PromptConfig
    numbers: Mapping[str, SecondsConfig]
    sampling: SamplingConfig

    def __post_init__(self) -> None:
        """Refuse networks that do not fit each other."""
        if self.sample_size < 1 or self.sample_size % self.codec.samples_per_latent:
            raise ValueError(
                f"sample_size must be a multiple of {self.codec.samples_per_latent}, "
                f"got {self.sample_size}"
            )
        if self.transformer.depth > MOST_LAYERS or len(self.codec.strides) > MOST_LAYERS:
            raise ValueError(f"a network must have at most {MOST_LAYERS} layers")
        if self.transformer.io_channels != self.codec.latent_dim:
            raise ValueError(
                f"the transformer's io_channels must be the latent_dim {self.codec.latent_dim}, "
                f"got {self.transformer.io_channels}"
            )
        wanted = self.transformer.cond_token_dim * len(self.numbers)
        if self.transformer.global_cond_dim != wanted:
            raise ValueError(
                f"global_cond_dim must be {wanted}, cond_token_dim for each number, "
                f"got {self.transformer.global_cond_dim}"
            )

    @property
    def latents(self) -> int:
        """Latents of the model's whole length, which it always denoises."""
        return self.sample_size // self.codec.samples_per_latent


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a table may hold: keys that are read, keys of one known value, keys of no effect."""

    read: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    must: Mapping[str, object] = field(default_factory=dict)
    may: Mapping[str, object] = field(default_factory=dict)
    harmless: tuple[str, ...] = ()


_MODEL = _Rules(read=("pretransform", "conditioning", "diffusion", "io_channels"))
_PRETRANSFORM = _Rules(
    read=("config",),
    must={"type": "autoencoder"},
    may={"scale": 1.0},
    # Decoding here is exact in single precision, however it is cut.
    harmless=("iterate_batch", "model_half", "chunked", "enable_grad", "requires_grad"),
)
_AUTOENCODER = _Rules(
    read=("encoder", "decoder", "bottleneck", "latent_dim", "downsampling_ratio"),
    must={"io_channels": 2},
    may={"in_channels": None, "out_channels": None, "pretransform": None},
)
_BOTTLENECK = _Rules(must={"type": "vae"}, may={"config": {}}, harmless=("requires_grad",))
_CODER = _Rules(
    read=("config",),
    must={"type": "oobleck"},
    may={"soft_clip": False},
    harmless=("requires_grad",),
)
_SIZES = ("channels", "c_mults", "strides", "latent_dim")
_ENCODER = _Rules(
    read=_SIZES, must={"use_snake": True}, may={"in_channels": 2, "antialias_activation": False}
)
_DECODER = _Rules(
    read=_SIZES,
    must={"use_snake": True, "final_tanh": False},
    may={"out_channels": 2, "antialias_activation": False, "use_nearest_upsample": False},
)
_CONDITIONING = _Rules(
    read=("configs", "cond_dim"), may={"default_keys": {}, "pre_encoded_keys": []}
)
_CONDITIONER = _Rules(read=("id", "type", "config"))
_PROMPT = _Rules(
    read=("t5_model_name", "max_length"), may={"project_out": False}, harmless=("enable_grad",)
)
_SECONDS = _Rules(read=("min_val", "max_val"))
_DIFFUSION = _Rules(
    read=("config", "cross_attention_cond_ids", "global_cond_ids"),
    optional=("diffusion_objective",),
    must={"type": "dit"},
    may={"input_concat_ids": [], "prepend_cond_ids": []},
    # Moves the times of training; stable-audio-tools samples without it.
    harmless=("distribution_shift_options",),
)
_ATTENTION = _Rules(optional=("qk_norm",))
_NORMED_HEADS = MappingProxyType({"ln": True, "none": False})
_TRANSFORMER = _Rules(
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
    """Read a whole config. Raises ConfigError, which names the key that cannot be."""
    # What else the top level holds (training, demo and so on) says nothing of the sound.
    for name, wanted in (
        ("model_type", "diffusion_cond"),
        ("sample_rate", SAMPLE_RATE_HZ),
        ("audio_channels", 2),
    ):
        if not _is_same(table.get(name), wanted):
            raise ConfigError(f"{name} must be {wanted!r}, got {table.get(name)!r}.")
    model = _read(table.get("model"), "model", _MODEL)
    diffusion = _read(model["diffusion"], "model.diffusion", _DIFFUSION)
    objective = diffusion.get("diffusion_objective", UNNAMED_OBJECTIVE)
    if not isinstance(objective, str) or objective not in SAMPLING:
        raise ConfigError(
            f"model.diffusion.diffusion_objective must be one of {', '.join(SAMPLING)}, "
            f"got {objective!r}."
        )
    transformer = _transformer(diffusion["config"])
    prompt, numbers = _conditioners(model["conditioning"], transformer.cond_token_dim)
    _must_be(diffusion["global_cond_ids"], [*numbers], "model.diffusion.global_cond_ids")
    where = "model.diffusion.cross_attention_cond_ids"
    _must_be(diffusion["cross_attention_cond_ids"], ["prompt", *numbers], where)
    codec = _codec(model["pretransform"])
    _must_be(model["io_channels"], transformer.io_channels, "model.io_channels")
    size = table.get("sample_size")
    if isinstance(size, bool) or not isinstance(size, int):
        raise ConfigError(f"sample_size must be a whole number, got {size!r}.")
    try:
        return PublishedConfig(size, codec, transformer, prompt, numbers, SAMPLING[objective])
    except ValueError as error:
        raise ConfigError(f"{error}.") from error


def _transformer(table: object) -> DiffusionTransformerConfig:
    where = "model.diffusion.config"
    values = _read(table, where, _TRANSFORMER)
    attention = _read(values.pop("attn_kwargs", {}), f"{where}.attn_kwargs", _ATTENTION)
    norm = attention.get("qk_norm", "none")
    if not isinstance(norm, str) or norm not in _NORMED_HEADS:
        raise ConfigError(
            f"{where}.attn_kwargs.qk_norm must be one of {', '.join(_NORMED_HEADS)}, got {norm!r}."
        )
    values["normed_heads"] = _NORMED_HEADS[norm]
    return from_table(DiffusionTransformerConfig, values, where)


def _codec(table: object) -> OobleckConfig:
    where = "model.pretransform"
    autoencoder = _read(
        _read(table, where, _PRETRANSFORM)["config"], f"{where}.config", _AUTOENCODER
    )
    where = f"{where}.config"
    _read(autoencoder["bottleneck"], f"{where}.bottleneck", _BOTTLENECK)
    sizes = {}
    for side, rules in (("encoder", _ENCODER), ("decoder", _DECODER)):
        coder = _read(autoencoder[side], f"{where}.{side}", _CODER)
        sizes[side] = _read(coder["config"], f"{where}.{side}.config", rules)
    decoder, latents = sizes["decoder"], autoencoder["latent_dim"]
    for name in ("channels", "c_mults", "strides"):
        _must_be(sizes["encoder"][name], decoder[name], f"{where}.encoder.config.{name}")
    _must_be(decoder["latent_dim"], latents, f"{where}.decoder.config.latent_dim")
    if isinstance(latents, int):  # else the table below says so
        wide = 2 * latents  # a mean and a scale for each latent
        _must_be(sizes["encoder"]["latent_dim"], wide, f"{where}.encoder.config.latent_dim")
    values = {
        "channels": decoder["channels"],
        "multiples": decoder["c_mults"],
        "strides": decoder["strides"],
        "latent_dim": latents,
    }
    codec = from_table(OobleckConfig, values, f"{where}.decoder.config")
    ratio = codec.samples_per_latent
    _must_be(autoencoder["downsampling_ratio"], ratio, f"{where}.downsampling_ratio")
    return codec


def _conditioners(table: object, width: int) -> tuple[PromptConfig, Mapping[str, SecondsConfig]]:
    where = "model.conditioning"
    conditioning = _read(table, where, _CONDITIONING)
    _must_be(conditioning["cond_dim"], width, f"{where}.cond_dim")
    configs = conditioning["configs"]
    if not isinstance(configs, list):
        raise ConfigError(f"{where}.configs must be a list.")
    entries = [_read(entry, f"{where}.configs", _CONDITIONER) for entry in configs]
    kinds = [[entry["id"], entry["type"]] for entry in entries]
    known = [[["prompt", "t5"], *([name, "number"] for name in names)] for names in NUMBERS]
    if kinds not in known:
        _must_be(kinds, known[0], f"{where}.configs")
    prompt = _read(entries[0]["config"], f"{where}.prompt", _PROMPT)
    numbers = {
        entry["id"]: from_table(
            SecondsConfig,
            _read(entry["config"], f"{where}.{entry['id']}", _SECONDS),
            f"{where}.{entry['id']}",
        )
        for entry in entries[1:]
    }
    return from_table(PromptConfig, prompt, f"{where}.prompt"), MappingProxyType(numbers)


def _read(table: object, where: str, rules: _Rules) -> dict[str, Any]:
    """Return the keys of a table that are read, after all its keys have been checked."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table, got {table!r}.")
    for name in sorted({*rules.read, *rules.must} - set(table)):
        raise ConfigError(f"{where} lacks: {name}.")
    known = {*rules.read, *rules.optional, *rules.must, *rules.may, *rules.harmless}
    for name in sorted(set(table) - known):
        raise ConfigError(f"{where}.{name} is not known here and may change the sound.")
    for name, wanted in {**rules.must, **rules.may}.items():
        if name in table:
            _must_be(table[name], wanted, f"{where}.{name}")
    return {name: table[name] for name in (*rules.read, *rules.optional) if name in table}


def _must_be(value: object, wanted: object, where: str) -> None:
    if not _is_same(value, wanted):
        raise ConfigError(f"{where} must be {wanted!r}, got {value!r}.")


def _is_same(value: object, wanted: object) -> bool:
    """Equal, and not a truth value in a number's place."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
