"""Finds and loads the text encoder of a published model.

Published models do not hold their text encoder, T5 or T5Gemma. It is a folder of config.json,
tokenizer.json and model.safetensors, as on Hugging Face, and is never downloaded here. Needs torch.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from engine.api import EngineError
from engine.files.strict import ConfigError, from_table
from engine.hardware.weights import build_unfilled, check_tensors, read_tensors
from engine.library.published_files import read_config
from engine.loading.stable_audio.sizes import MOST_LAYERS
from engine.models.prompt_t5 import MOST_TOKENS, PromptConfig, PromptEncoder
from engine.models.t5 import T5Config, T5Encoder
from engine.models.t5gemma import T5GemmaConfig, T5GemmaEncoder

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
ANY_NAME = "t5"
"""A folder of this name inside the model's serves whichever T5 the model names."""

_SIZES = ("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads")
_MAY_SIZES = ("relative_attention_num_buckets", "relative_attention_max_distance")
_MUST = {
    "model_type": "t5",
    "feed_forward_proj": "relu",
    "is_gated_act": False,
    "layer_norm_epsilon": 1e-6,
}
"""Values that T5Encoder implements; they are transformers' defaults for absent keys."""
_SAME_AS_SHARED = "encoder.embed_tokens.weight"
_GEMMA_MUST = {"hidden_activation": "gelu_pytorch_tanh", "attention_bias": False}
_GEMMA_EMBEDDING = "embed_tokens.weight"
_GEMMA_PREFIXES = ("model.encoder.", "encoder.")
_UNREAD = ("decoder.", "model.decoder.", "lm_head.")
"""A full T5 or T5Gemma checkpoint also holds a decoder, which is not used."""
LEAST_WINDOW = 2 * MOST_TOKENS
"""In so wide a window every token attends to every other one."""


def find_text_encoder(model_folder: Path, config: PromptConfig) -> Path:
    """Return the folder of the named encoder: in the model's, beside it or in the hub's cache.

    Raises EngineError, which says what to put where.
    """
    name = config.t5_model_name
    own = PurePosixPath(name).name
    if own and own != "..":
        model_folder = model_folder.resolve()
        places = (model_folder / own, model_folder / ANY_NAME, model_folder.parent / own)
        for place in places:
            if (place / CONFIG).is_file():
                return place
        cached = _find_cached(config)
        if cached is not None:
            return cached
    raise EngineError(
        f"The model in {model_folder} needs the text encoder {name}, which is not on this "
        f"computer: put its {CONFIG}, {TOKENIZER} and {WEIGHTS[0]} into {model_folder / own}."
    )


def _find_cached(config: PromptConfig) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    name = config.t5_model_name
    places = [(name, CONFIG), (f"google-t5/{name}", CONFIG)]
    if config.gemma:
        places = [(config.repository, f"{name}/{CONFIG}"), (f"google/{name}", CONFIG)]
    for repository, file in places:
        try:
            found = try_to_load_from_cache(repository, file)
        except ValueError:  # no name that Hugging Face could have
            continue
        if isinstance(found, str):
            return Path(found).parent
    return None


def load_text_encoder(folder: Path, config: PromptConfig, width: int) -> PromptEncoder:
    """Load strictly, as float32 on the CPU; `width` is the model's cond_token_dim.

    Raises EngineError with a sentence that names what is missing, wrong or broken.
    """
    try:
        table = read_config(folder / CONFIG)
        sizes = _read_gemma_sizes(table) if config.gemma else _read_sizes(table)
    except ConfigError as error:
        reason = str(error).rstrip(".")
        raise EngineError(f"The text encoder in {folder} cannot be used: {reason}.") from error
    found = sizes.d_model if isinstance(sizes, T5Config) else sizes.hidden_size
    if found != width:
        raise EngineError(
            f"The text encoder in {folder} is not the model's: its width must be {width}, "
            f"got {found}."
        )
    encoder = build_unfilled(lambda: _make_encoder(sizes), folder)
    weights = _read_encoder_weights(folder, config.gemma)
    wanted = {name: tensor.shape for name, tensor in encoder.state_dict().items()}
    check_tensors(wanted, weights, folder)
    encoder.load_state_dict(
        {name: _copy_tensor(name, weights[name]) for name in weights}, assign=True
    )
    tokenizer = _load_tokenizer(folder, sizes.vocab_size)
    if not config.gemma and not tokenizer.encode("").ids:
        raise EngineError(f"{folder / TOKENIZER} sets no end mark: it is not T5's tokenizer.")
    return PromptEncoder(encoder, tokenizer, config.max_length)


def _make_encoder(sizes: T5Config | T5GemmaConfig) -> T5Encoder | T5GemmaEncoder:
    return T5Encoder(sizes) if isinstance(sizes, T5Config) else T5GemmaEncoder(sizes)


def _copy_tensor(name: str, tensor: Tensor) -> Tensor:
    """Copy as float32; T5Gemma's large token embedding keeps its dtype."""
    as_is = name == _GEMMA_EMBEDDING and tensor.is_floating_point()
    return tensor.to(tensor.dtype if as_is else torch.float32, copy=True)


def _read_sizes(table: dict[str, Any]) -> T5Config:
    for name, wanted in _MUST.items():
        if table.get(name, wanted) != wanted:
            raise ConfigError(f"{CONFIG}.{name} must be {wanted!r}, got {table[name]!r}.")
    missing = [name for name in _SIZES if name not in table]
    if missing:
        raise ConfigError(f"{CONFIG} lacks: {', '.join(missing)}.")
    values = {name: table[name] for name in (*_SIZES, *_MAY_SIZES) if name in table}
    for name, value in values.items():
        if isinstance(value, int) and value < 1:
            raise ConfigError(f"{CONFIG}.{name} must be at least 1, got {value}.")
    config = from_table(T5Config, values, CONFIG)
    if config.num_layers > MOST_LAYERS:
        raise ConfigError(f"{CONFIG}.num_layers must be at most {MOST_LAYERS}.")
    return config


def _read_gemma_sizes(table: dict[str, Any]) -> T5GemmaConfig:
    inside = table.get("encoder")
    if table.get("model_type") != "t5gemma" or not isinstance(inside, dict):
        raise ConfigError(f"{CONFIG} is not T5Gemma's: model_type is {table.get('model_type')!r}.")
    where = f"{CONFIG}.encoder"
    for name, wanted in _GEMMA_MUST.items():
        if inside.get(name) != wanted:
            raise ConfigError(f"{where}.{name} must be {wanted!r}, got {inside.get(name)!r}.")
    sizes = [field.name for field in fields(T5GemmaConfig)]
    missing = [name for name in (*sizes, "sliding_window") if name not in inside]
    if missing:
        raise ConfigError(f"{where} lacks: {', '.join(missing)}.")
    for name in (*sizes, "sliding_window"):
        least = LEAST_WINDOW if name == "sliding_window" else 1
        if isinstance(inside[name], int) and inside[name] < least:
            raise ConfigError(f"{where}.{name} must be at least {least}, got {inside[name]}.")
    config = from_table(T5GemmaConfig, {name: inside[name] for name in sizes}, where)
    if config.num_hidden_layers > MOST_LAYERS:
        raise ConfigError(f"{where}.num_hidden_layers must be at most {MOST_LAYERS}.")
    return config


def _read_encoder_weights(folder: Path, gemma: bool) -> dict[str, Tensor]:
    """Read the encoder's tensors, by the names that our encoders have."""
    there = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    found = read_tensors((there or [folder / WEIGHTS[0]])[0])
    read = {name: tensor for name, tensor in found.items() if not name.startswith(_UNREAD)}
    if gemma:
        return {_strip_prefix(_GEMMA_PREFIXES, name): tensor for name, tensor in read.items()}
    shared = read.pop(_SAME_AS_SHARED, None)
    if shared is not None:
        read.setdefault("shared.weight", shared)
    return read


def _strip_prefix(prefixes: tuple[str, ...], name: str) -> str:
    for prefix in prefixes:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _load_tokenizer(folder: Path, vocab_size: int) -> Tokenizer:
    path = folder / TOKENIZER
    if not path.is_file():
        raise EngineError(f"The text encoder in {folder} has no {TOKENIZER}: install it again.")
    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise EngineError(f"{path} cannot be read ({error}): install it again.") from error
    if tokenizer.get_vocab_size() > vocab_size:
        raise EngineError(
            f"{path} is another text encoder's: it has {tokenizer.get_vocab_size()} tokens, "
            f"the network {vocab_size}."
        )
    return tokenizer
