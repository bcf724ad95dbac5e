"""Models put where Pingpad finds them: from a folder, from a file, from Hugging Face. No torch.

A model is made whole in a folder beside its place, and moved there in one step: what is listed is
whole. Files are checked as far as can be without loading them; loading checks the rest.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from engine.api import EngineError
from engine.library.card import CARD_FILE, read_card
from engine.library.lora_file import ADAPTER_WEIGHTS, read_adapter_file, write_adapter_file
from engine.library.published_files import STEMS, WEIGHTS_SUFFIXES, find_published, read_config

if TYPE_CHECKING:  # copying need not wait for huggingface_hub
    from engine.library.hub import Hub, HubFile, Offer, OnBytes

SPARE_BYTES = 200 << 20
"""Room that stays free beside a model."""
UNFINISHED = ".unfinished "
"""Folders that begin so are not whole yet; the next try goes on with them."""
TEXT_ENCODER_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_LORA_MARKS = ("lora_A", "lora_down")
_MOST_HEADER = 100 << 20
_STRANGE = frozenset('<>:"/\\|?*')

FreeBytes = Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class _TextEncoder:
    """Where a text encoder lies on Hugging Face: a repository, or a folder in one."""

    repository: str
    folder: str = ""

    @property
    def files(self) -> list[str]:
        """Its files, as the repository names them."""
        return [str(PurePosixPath(self.folder, name)) for name in TEXT_ENCODER_FILES]


class ModelStore:
    """The folder of a player's models; `free_bytes` says how much room a disk has."""

    def __init__(
        self, root: Path, free_bytes: FreeBytes = lambda folder: shutil.disk_usage(folder).free
    ) -> None:
        self.root = root
        self._free_bytes = free_bytes

    def add(self, source: Path, name: str | None = None) -> Path:
        """Copy a model's folder, or a model's file with the config beside it.

        Returns its new place. Raises EngineError.
        """
        if source.is_dir():
            return self._copied(source, _files_inside(source), name or source.resolve().name)
        if not source.is_file():
            raise EngineError(f"There is no file {source}.")
        for stem in STEMS:
            config = source.with_name(f"{stem}_config.json")
            if source.name in [stem + suffix for suffix in WEIGHTS_SUFFIXES] and config.is_file():
                folder = source.parent
                return self._copied(folder, [config, source], name or folder.resolve().name)
        if source.suffix == ".safetensors" and is_lora(source):
            raise EngineError(f"{source} is a LoRA: say which model it changes.")
        raise EngineError(
            f"{source} is no model: choose model.safetensors or model.ckpt with its "
            "model_config.json beside it, or the folder of both."
        )

    def add_lora(
        self, source: Path, base: str, strength: float = 1.0, name: str | None = None
    ) -> Path:
        """Make a model of a LoRA's file and the model in this store that it changes."""
        if not (self.root / base).is_dir():
            raise EngineError(f"There is no model {base} to change: add it first.")
        if not is_lora(source):
            raise EngineError(f"{source} is no LoRA in a safetensors file.")
        place = self._free_place(name or source.stem)
        self._need(source.stat().st_size)
        unfinished = self._unfinished(place)
        shutil.copyfile(source, unfinished / ADAPTER_WEIGHTS)
        beside = source.with_name("adapter_config.json")
        if beside.is_file():
            shutil.copyfile(beside, unfinished / beside.name)
        write_adapter_file(unfinished, base, strength)
        return self._finished(unfinished, place)

    def set_strength(self, name: str, strength: float) -> None:
        """Let a LoRA of this store change its base more or less from now on."""
        folder = self.root / name
        write_adapter_file(folder, read_adapter_file(folder).base.name, strength)

    def fetch(self, hub: Hub, offer: Offer, on_bytes: OnBytes, name: str | None = None) -> Path:
        """Fetch a model that the player has agreed to; its text encoder too, where it needs one."""
        place = self._free_place(name or PurePosixPath(offer.repository).name)
        wanted = _model_files(offer)
        self._need(bytes_to_fetch(offer))
        unfinished = self._unfinished(place)
        hub.fetch(offer, wanted, unfinished, on_bytes)
        encoder = _text_encoder(unfinished)
        if encoder is not None and not _is_cached(encoder):
            inner = (
                offer if encoder.repository == offer.repository else hub.offer(encoder.repository)
            )
            names = encoder.files
            files = inner.only(lambda file: file in names)
            self._need(sum(file.size for file in files))
            # One in a folder of a repository comes with that folder.
            own = "" if encoder.folder else PurePosixPath(encoder.repository).name
            hub.fetch(inner, files, unfinished / own, on_bytes)
        for folder in unfinished.rglob(".cache"):
            shutil.rmtree(folder)
        return self._finished(unfinished, place)

    def remove(self, name: str) -> None:
        """Delete a model of this store."""
        if not self.root.is_dir() or name not in [path.name for path in self.root.iterdir()]:
            raise EngineError(f"There is no model {name} among those that were added.")
        shutil.rmtree(self.root / name)

    # --- how ---

    def _copied(self, source: Path, files: list[Path], name: str) -> Path:
        if not (source / CARD_FILE).is_file() and find_published(source) is None:
            raise EngineError(f"{source} is not a model: it has no card and no model_config.json.")
        place = self._free_place(name)
        self._need(sum(file.stat().st_size for file in files))
        unfinished = self._unfinished(place)
        try:
            for file in files:
                target = unfinished / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        except OSError as error:
            raise EngineError(f"{source} could not be copied ({error.strerror}).") from error
        return self._finished(unfinished, place)

    def _free_place(self, name: str) -> Path:
        plain = "".join(" " if letter in _STRANGE else letter for letter in name).strip(" .")
        if not plain:
            raise EngineError(f"A model cannot be called {name!r}: give another name.")
        if (self.root / plain).exists():
            raise EngineError(f"There is a model {plain} already: remove it, or give another name.")
        return self.root / plain

    def _need(self, size: int) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        free = self._free_bytes(self.root)
        if free < size + SPARE_BYTES:
            raise EngineError(
                f"The model takes {_megabytes(size)} MB and {self.root} has {_megabytes(free)} MB "
                "left: make room first."
            )

    def _unfinished(self, place: Path) -> Path:
        folder = place.with_name(UNFINISHED + place.name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _finished(self, unfinished: Path, place: Path) -> Path:
        try:
            for weights in unfinished.rglob("*.safetensors"):
                check_whole(weights)
            read_card(unfinished)
        except EngineError:
            shutil.rmtree(unfinished)
            raise
        unfinished.replace(place)
        return place


def check_whole(path: Path) -> None:
    """Raise EngineError unless a safetensors file is as long as its own table says."""
    _header(path)


def is_lora(path: Path) -> bool:
    """Say whether a safetensors file holds a LoRA; raises EngineError for a damaged file."""
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    return any(mark in name for name in _header(path) for mark in _LORA_MARKS)


def _header(path: Path) -> dict[str, Any]:
    """The table of tensors at a safetensors file's beginning."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size, _MOST_HEADER):
                raise ValueError("it does not begin as one")
            table: dict[str, Any] = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in table.items() if name[:2] != "__"]
        whole = 8 + length + max(ends, default=0)
        if size != whole:
            raise ValueError(f"it has {size} bytes, not {whole}")
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
        struct.error,
    ) as e:
        raise EngineError(f"{path.name} is no whole safetensors file ({e}): get it again.") from e
    return table


def _files_inside(folder: Path) -> list[Path]:
    """The files of a model's folder and of the folders in it, hidden ones left out."""
    inside = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    shown = (path for path in inside if not any(part.startswith(".") for part in path.parts))
    return [folder / path for path in sorted(shown)]


def _model_files(offer: Offer) -> tuple[HubFile, ...]:
    """Config and weights of a repository's model; safetensors where there is a choice."""
    names = {file.name for file in offer.files}
    for stem in STEMS:
        config = f"{stem}_config.json"
        weights = [stem + suffix for suffix in WEIGHTS_SUFFIXES if stem + suffix in names]
        if config in names and weights:
            return offer.only(lambda name, kept=(config, weights[0]): name in kept)  # type: ignore[misc]
    raise EngineError(f"{offer.repository} holds no model that Pingpad knows.")


def bytes_to_fetch(offer: Offer) -> int:
    """Return the size of what `fetch` takes of an offer; a text encoder comes on top."""
    return sum(file.size for file in _model_files(offer))


def _text_encoder(folder: Path) -> _TextEncoder | None:
    """The text encoder that a published model reads prompts with."""
    published = find_published(folder)
    if published is None:
        return None
    try:
        configs: Iterable[Any] = read_config(published.config)["model"]["conditioning"]["configs"]
        for entry in configs:
            if entry["type"] == "t5":
                return _TextEncoder(str(entry["config"]["t5_model_name"]))
            if entry["type"] == "t5gemma":
                config = entry["config"]
                return _TextEncoder(str(config["repo_id"]), str(config["subfolder"]))
    except (KeyError, TypeError):
        pass
    return None


def _is_cached(encoder: _TextEncoder) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(encoder.repository, name) for name in encoder.files]
    return all(isinstance(path, str) for path in found)


def _megabytes(size: int) -> int:
    return size >> 20
