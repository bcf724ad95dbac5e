"""The model card, card.toml: name, limits, vocabulary and origin. No torch.

A model is a folder with card.toml beside its weights; the weights are read by engine.loading.
A published model has no card.toml: its card is derived from its config.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from engine.api import EMBEDDED, MOST_STEPS, EngineError
from engine.files.paths import ASSETS
from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml, write_toml
from engine.library.lora_file import has_adapter, read_adapter_file
from engine.library.published_files import find_published, read_config

CARD_FILE = "card.toml"
EMBEDDED_FOLDER = ASSETS / EMBEDDED
"""The folder of the model that ships with Pingpad."""


class ModelCardError(EngineError):
    """A model folder whose card cannot be used; the text names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Trained:
    """How a model was trained: on which sounds, by which commands, at what cost."""

    on: str
    commands: tuple[str, ...] = ()
    notes: str = ""

    def __post_init__(self) -> None:
        """Refuse a model that does not say what it was trained on."""
        if not self.on.strip():
            raise ModelCardError("on must say what the model was trained on")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model's name, limits, words and origin; `longest_s` in seconds, `sample_rate` in Hz.

    `vocabulary` holds every word (as engine.prompts.tokens splits them, lower case) that the model
    was trained on; empty means that any words may be typed, as with a large text encoder.
    """

    name: str
    summary: str
    licence: str
    sample_rate: int
    longest_s: float
    default_steps: int
    vocabulary: tuple[str, ...]
    trained: Trained

    def __post_init__(self) -> None:
        """Refuse values that no model can have, by name, value and range."""
        for text in ("name", "summary", "licence"):
            if not cast(str, getattr(self, text)).strip():
                raise ModelCardError(f"{text} must not be empty")
        if not 4_000 <= self.sample_rate <= 400_000:
            raise ModelCardError(f"sample_rate must be 4000..400000 Hz, got {self.sample_rate}")
        if not (math.isfinite(self.longest_s) and 0 < self.longest_s <= 3_600):
            raise ModelCardError(f"longest_s must be above 0, at most 3600, got {self.longest_s}")
        if not 1 <= self.default_steps <= MOST_STEPS:
            raise ModelCardError(f"default_steps must be 1..{MOST_STEPS}, got {self.default_steps}")


def read_card(folder: Path) -> ModelCard:
    """Read a model folder's card. Raises ModelCardError, which says what to do next."""
    path = folder / CARD_FILE
    if has_adapter(folder):
        return _derive_lora_card(folder)
    published = find_published(folder)
    if published is not None and not path.exists():
        return _derive_published_card(folder, published.config)
    if not path.exists():
        raise ModelCardError(
            f"{folder} is not a model: it holds neither {CARD_FILE} nor model_config.json. "
            "Choose a folder that does."
        )
    try:
        return from_table(ModelCard, read_toml(path), str(path))
    except ConfigError as error:
        reason = str(error).rstrip(".")
        raise ModelCardError(f"{reason}. Copy the model again.") from error


def write_card(folder: Path, card: ModelCard) -> None:
    """Write card.toml, which `read_card` reads back to an equal card."""
    write_toml(folder / CARD_FILE, asdict(card))


def list_models(root: Path) -> list[Path]:
    """Return the model folders directly inside `root`, by name; none if `root` is missing."""
    if not root.is_dir():
        return []
    # A hidden folder may be a model that is still being fetched.
    shown = (folder for folder in root.iterdir() if not folder.name.startswith("."))
    return sorted(folder for folder in shown if _is_model(folder))


def _is_model(folder: Path) -> bool:
    own = (folder / CARD_FILE).is_file() or has_adapter(folder)
    return own or find_published(folder) is not None


def _derive_lora_card(folder: Path) -> ModelCard:
    adapter = read_adapter_file(folder)
    card = read_card(adapter.base)
    return replace(
        card,
        name=folder.resolve().name,
        summary=f"{card.name} with a LoRA, strength {adapter.strength:g}.",
        licence=f"{card.licence}, and that of the LoRA",
    )


_PUBLISHED_STEPS = {"rf_denoiser": 8, "rectified_flow": 50, "v": 100}
_PUBLISHED_SUMMARIES = {
    "rf_denoiser": "A published model that makes any sound in few steps.",
    "rectified_flow": "A published model that makes any sound, in many steps.",
    "v": "A published model that makes any sound, in very many steps.",
}


def _derive_published_card(folder: Path, config: Path) -> ModelCard:
    """Derive the card of a published model from its config, before its networks are loaded."""
    table = read_config(config)
    try:
        seconds = table["sample_size"] / table["sample_rate"]
        objective = table["model"]["diffusion"].get("diffusion_objective", "v")
        return ModelCard(
            name=folder.resolve().name or "published model",
            summary=_PUBLISHED_SUMMARIES[objective],
            licence="The licence that came with the model",
            sample_rate=table["sample_rate"],
            longest_s=seconds,
            default_steps=_PUBLISHED_STEPS[objective],
            vocabulary=(),
            trained=Trained("What its publisher says in the model's own card"),
        )
    except (KeyError, TypeError, AttributeError, ZeroDivisionError, OverflowError) as error:
        raise ModelCardError(
            f"{config} describes a kind of model that Pingpad cannot play ({error!r})."
        ) from error
    except ModelCardError as error:
        raise ModelCardError(f"{config} is not right: {error}.") from error
