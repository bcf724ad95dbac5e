"""The store of added models: from a folder, a file or Hugging Face. No torch.

A model is completed in a temporary folder and then moved to its place in one step, so that listed
models are complete. Files are checked as far as possible without loading them; loading checks the
rest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from engine.api import EngineError
from engine.library.card import CARD_FILE, read_card
from engine.library.lora_file import ADAPTER_WEIGHTS, read_adapter_file, write_adapter_file
from engine.library.published_files import STEMS, WEIGHTS_SUFFIXES, find_published, read_config

if TYPE_CHECKING:  # copying need not wait for huggingface_hub
    from engine.library.hub import Hub, HubFile, Offer, OnBytes

SPARE_BYTES = 200 << 20
"""Disk space that stays free after adding a model."""
UNFINISHED = ".unfinished "
"""Prefix of the folders of incomplete models, which the next try resumes."""
TEXT_ENCODER_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_LORA_MARKS = ("lora_A", "lora_down")
_NOT_IN_NAMES = frozenset('<>:"/\\|?*')

FreeBytes = Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class _TextEncoder:
    """A text encoder on Hugging Face: a repository, or a folder in one."""

    repository: str
    folder: str = ""

    @property
    def files(self) -> list[str]:
        """Its files, as the repository names them."""
        return [str(PurePosixPath(self.folder, name)) for name in TEXT_ENCODER_FILES]


class ModelStore:
    """The folder of a player's models; `free_bytes` returns a disk's free space."""

    def __init__(
        self, root: Path, free_bytes: FreeBytes = lambda folder: shutil.disk_usage(folder).free
    ) -> None:
        self.root = root
        self._free_bytes = free_bytes

    def add(self, source: Path, name: str | None = None) -> Path:
        """Copy a model's folder, or a model's file with the config beside it.

        Returns its new folder. Raises EngineError.
        """
        if source.is_dir():
            return self._copy(source, _list_files(source), name or source.resolve().name)
        if not source.is_file():
            raise EngineError(f"There is no file {source}.")
        for stem in STEMS:
            config = source.with_name(f"{stem}_config.json")
            if source.name in [stem + suffix for suffix in WEIGHTS_SUFFIXES] and config.is_file():
                folder = source.parent
                return self._copy(folder, [config, source], name or folder.resolve().name)
        if source.suffix == ".safetensors" and is_lora(source):
            raise EngineError(f"{source} is a LoRA: say which model it changes.")
        raise EngineError(
            f"{source} is no model: choose model.safetensors or model.ckpt with its "
            "model_config.json beside it, or the folder of both."
        )

    def add_lora(
        self, source: Path, base: str, strength: float = 1.0, name: str | None = None
    ) -> Path:
        """Add a LoRA's file as a model, with its base in this store."""
        if not (self.root / base).is_dir():
            raise EngineError(f"There is no model {base} to change: add it first.")
        if not is_lora(source):
            raise EngineError(f"{source} is no LoRA in a safetensors file.")
        folder = self._choose_folder(name or source.stem)
        self._check_room(source.stat().st_size)
        unfinished = self._make_unfinished(folder)
        shutil.copyfile(source, unfinished / ADAPTER_WEIGHTS)
        beside = source.with_name("adapter_config.json")
        if beside.is_file():
            shutil.copyfile(beside, unfinished / beside.name)
        write_adapter_file(unfinished, base, strength)
        return self._finish(unfinished, folder)

    def set_strength(self, name: str, strength: float) -> None:
        """Set the strength of a LoRA in this store."""
        folder = self.root / name
        write_adapter_file(folder, read_adapter_file(folder).base.name, strength)

    def fetch(self, hub: Hub, offer: Offer, on_bytes: OnBytes, name: str | None = None) -> Path:
        """Fetch a model whose licence was accepted, and its text encoder if it needs one."""
        folder = self._choose_folder(name or PurePosixPath(offer.repository).name)
        wanted = _select_model_files(offer)
        self._check_room(count_bytes_to_fetch(offer))
        unfinished = self._make_unfinished(folder)
        hub.fetch(offer, wanted, unfinished, on_bytes)
        encoder = _find_text_encoder(unfinished)
        if encoder is not None and not _is_cached(encoder):
            self._fetch_text_encoder(hub, offer, encoder, unfinished, on_bytes)
        for cache in unfinished.rglob(".cache"):
            shutil.rmtree(cache)
        return self._finish(unfinished, folder)

    def remove(self, name: str) -> None:
        """Delete a model of this store."""
        if not self.root.is_dir() or name not in [path.name for path in self.root.iterdir()]:
            raise EngineError(f"There is no model {name} among those that were added.")
        shutil.rmtree(self.root / name)

    def _copy(self, source: Path, files: list[Path], name: str) -> Path:
        if not (source / CARD_FILE).is_file() and find_published(source) is None:
            raise EngineError(f"{source} is not a model: it has no card and no model_config.json.")
        folder = self._choose_folder(name)
        self._check_room(sum(file.stat().st_size for file in files))
        unfinished = self._make_unfinished(folder)
        try:
            for file in files:
                target = unfinished / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        except OSError as error:
            raise EngineError(f"{source} could not be copied ({error.strerror}).") from error
        return self._finish(unfinished, folder)

    def _fetch_text_encoder(
        self, hub: Hub, offer: Offer, encoder: _TextEncoder, folder: Path, on_bytes: OnBytes
    ) -> None:
        """Fetch a text encoder, from its own or the model's repository, into the model's folder."""
        if encoder.repository != offer.repository:
            offer = hub.get_offer(encoder.repository)
        names = encoder.files
        files = offer.select_files(lambda file: file in names)
        self._check_room(sum(file.size for file in files))
        # Files in a folder of a repository keep that folder's name.
        own = "" if encoder.folder else PurePosixPath(encoder.repository).name
        hub.fetch(offer, files, folder / own, on_bytes)

    def _choose_folder(self, name: str) -> Path:
        plain = "".join(" " if letter in _NOT_IN_NAMES else letter for letter in name).strip(" .")
        if not plain:
            raise EngineError(f"A model cannot be called {name!r}: give another name.")
        if (self.root / plain).exists():
            raise EngineError(f"There is a model {plain} already: remove it, or give another name.")
        return self.root / plain

    def _check_room(self, size: int) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        free = self._free_bytes(self.root)
        if free < size + SPARE_BYTES:
            raise EngineError(
                f"The model takes {_to_megabytes(size)} MB and {self.root} has "
                f"{_to_megabytes(free)} MB left: make room first."
            )

    def _make_unfinished(self, folder: Path) -> Path:
        folder = folder.with_name(UNFINISHED + folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _finish(self, unfinished: Path, folder: Path) -> Path:
        try:
            for weights in unfinished.rglob("*.safetensors"):
                check_whole(weights)
            read_card(unfinished)
        except EngineError:
            shutil.rmtree(unfinished)
            raise
        unfinished.replace(folder)
        return folder


def check_whole(path: Path) -> None:
    """Raise EngineError unless a safetensors file is as long as its own header says."""
    _read_tensor_names(path)


def is_lora(path: Path) -> bool:
    """Say whether a safetensors file holds a LoRA; raises EngineError for a damaged file."""
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    return any(mark in name for name in _read_tensor_names(path) for mark in _LORA_MARKS)


def _read_tensor_names(path: Path) -> list[str]:
    """Return the names in a safetensors header; raises EngineError for a truncated file."""
    try:
        with safe_open(path, "np") as file:
            return list(file.keys())
    except (OSError, SafetensorError) as error:
        raise EngineError(
            f"{path.name} is no whole safetensors file ({error}): get it again."
        ) from error


def _list_files(folder: Path) -> list[Path]:
    """Return the files in a model's folder, at any depth, but hidden ones."""
    inside = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    shown = (path for path in inside if not any(part.startswith(".") for part in path.parts))
    return [folder / path for path in sorted(shown)]


def _select_model_files(offer: Offer) -> tuple[HubFile, ...]:
    """Return config and weights of a repository's model; safetensors are preferred."""
    names = {file.name for file in offer.files}
    for stem in STEMS:
        config = f"{stem}_config.json"
        weights = [stem + suffix for suffix in WEIGHTS_SUFFIXES if stem + suffix in names]
        if config in names and weights:
            return offer.select_files(lambda name, kept=(config, weights[0]): name in kept)  # type: ignore[misc]
    raise EngineError(f"{offer.repository} holds no model that Pingpad knows.")


def count_bytes_to_fetch(offer: Offer) -> int:
    """Return the bytes that `fetch` takes of an offer; a text encoder adds to them."""
    return sum(file.size for file in _select_model_files(offer))


def _find_text_encoder(folder: Path) -> _TextEncoder | None:
    """Return the text encoder of a published model, if its config names one."""
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


def _to_megabytes(size: int) -> int:
    return size >> 20
