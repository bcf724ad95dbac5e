"""The T5 that reads a published model's prompts: found on this computer, loaded. Engine process.

Published models do not hold their text encoder. It is a folder of config.json, tokenizer.json and
model.safetensors, as on Hugging Face, and is never downloaded here.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from engine.api import EngineError
from engine.models.prompt_t5 import PromptConfig, PromptEncoder
from engine.models.t5 import T5Config, T5Encoder
from engine.published_files import read_config
from engine.toml_config import ConfigError, from_table
from engine.weights import check_tensors, read_tensors, unfilled

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
ANY_NAME = "t5"
"""A folder of this name inside the model's serves whichever T5 the model names."""

_SIZES = ("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads")
MOST_LAYERS = 256
_MAY_SIZES = ("relative_attention_num_buckets", "relative_attention_max_distance")
_MUST = {
    "model_type": "t5",
    "feed_forward_proj": "relu",
    "is_gated_act": False,
    "layer_norm_epsilon": 1e-6,
}
"""Values that T5Encoder is written for; transformers takes them where a config is silent."""
_SAME_AS_SHARED = "encoder.embed_tokens.weight"


def find_text_encoder(model_folder: Path, name: str) -> Path:
    """Return the folder of the named T5: in the model's, beside it or in Hugging Face's cache.

    Raises EngineError, which says what to put where.
    """
    own = PurePosixPath(name).name
    if own and own != "..":
        model_folder = model_folder.resolve()
        places = (model_folder / own, model_folder / ANY_NAME, model_folder.parent / own)
        for place in places:
            if (place / CONFIG).is_file():
                return place
        cached = _find_cached(name)
        if cached is not None:
            return cached
    raise EngineError(
        f"The model in {model_folder} needs the text encoder {name}, which is not on this "
        f"computer: put its {CONFIG}, {TOKENIZER} and {WEIGHTS[0]} into {model_folder / own}."
    )


def _find_cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for repository in (name, f"google-t5/{name}"):
        try:
            found = try_to_load_from_cache(repository, CONFIG)
        except ValueError:  # no name that Hugging Face could have
            continue
        if isinstance(found, str):
            return Path(found).parent
    return None


def load_text_encoder(folder: Path, config: PromptConfig, width: int) -> PromptEncoder:
    """Load strictly, float32, on the CPU; `width` is that of the tokens that the model wants.

    Raises EngineError with a sentence that names what is missing, wrong or broken.
    """
    try:
        sizes = _sizes(read_config(folder / CONFIG))
    except ConfigError as error:
        raise EngineError(f"The text encoder in {folder} cannot be used: {error}") from error
    if sizes.d_model != width:
        raise EngineError(
            f"The text encoder in {folder} is not the model's: its d_model must be {width}, "
            f"got {sizes.d_model}."
        )
    t5 = unfilled(lambda: T5Encoder(sizes), folder)
    weights = _encoder_weights(folder)
    check_tensors({name: tensor.shape for name, tensor in t5.state_dict().items()}, weights, folder)
    copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in weights.items()}
    t5.load_state_dict(copies, assign=True)
    return PromptEncoder(t5, _tokenizer(folder, sizes.vocab_size), config.max_length)


def _sizes(table: dict[str, Any]) -> T5Config:
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


def _encoder_weights(folder: Path) -> dict[str, Tensor]:
    """Tensors of the encoder; a whole T5 also holds a decoder, which reads no prompts."""
    there = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    found = read_tensors((there or [folder / WEIGHTS[0]])[0])
    shared = found.pop(_SAME_AS_SHARED, None)
    if shared is not None:
        found.setdefault("shared.weight", shared)
    return {
        name: tensor
        for name, tensor in found.items()
        if not name.startswith(("decoder.", "lm_head."))
    }


def _tokenizer(folder: Path, vocab_size: int) -> Tokenizer:
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
    if not tokenizer.encode("").ids:
        raise EngineError(f"{path} sets no end mark: it is not T5's tokenizer.")
    return tokenizer
