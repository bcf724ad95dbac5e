"""Models on Hugging Face: files, licence and download. No torch.

Any thread but the main one: everything here waits for the network. huggingface_hub provides
addresses, tokens and resuming; each kind of failure has an error class of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from huggingface_hub import HfApi, get_token, hf_hub_download, login
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from engine.api import EngineError

OnBytes = Callable[[int, int], bool]
"""Called with the bytes fetched so far and in total; returns False to stop."""

# HfHubHTTPError derives from the error of its HTTP library, requests or httpx.
_NETWORK_ERRORS = cast(
    tuple[type[Exception], ...], (HfHubHTTPError.__bases__[0], ConnectionError, TimeoutError)
)
_BLOCK = 1 << 20


class TokenNeededError(EngineError):
    """The model needs an account: a token is missing, or is not accepted."""


class LicenceNotAcceptedError(EngineError):
    """The account has not agreed to the model's conditions on its page."""


class NoNetworkError(EngineError):
    """Hugging Face cannot be reached; what was fetched is kept, and the next try resumes."""


class FetchCancelled(Exception):  # noqa: N818 -- what a player asked for, not an error
    """Raised when `on_bytes` returned False; what was fetched is kept."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository: its size in bytes, and the checksum of large ones."""

    name: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a repository holds in one revision, and under which conditions."""

    repository: str
    revision: str
    licence: str
    page: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def select_files(self, is_wanted: Callable[[str], bool]) -> tuple[HubFile, ...]:
        """Return the files whose names are wanted."""
        return tuple(file for file in self.files if is_wanted(file.name))


class Hub:
    """Hugging Face, or a mirror of it at `endpoint`, with the token that huggingface_hub stores."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint

    def get_offer(self, repository: str, revision: str | None = None) -> Offer:
        """Return the contents of a repository. Raises EngineError, see the classes above."""
        with self._translate_errors(repository):
            api = HfApi(endpoint=self._endpoint)
            info = api.model_info(repository, revision=revision, files_metadata=True, timeout=20)
        card: Any = info.card_data or {}
        licence = card.get("license_name") or card.get("license") or "not named on its page"
        files = [
            HubFile(entry.rfilename, entry.size or 0, entry.lfs.sha256 if entry.lfs else None)
            for entry in info.siblings or []
        ]
        return Offer(
            repository, info.sha or "main", str(licence), self.page_url(repository), tuple(files)
        )

    def page_url(self, repository: str) -> str:
        """Return the address of a model's page, for the player's browser."""
        return f"{self._endpoint or 'https://huggingface.co'}/{repository}"

    def fetch(
        self, offer: Offer, files: tuple[HubFile, ...], folder: Path, on_bytes: OnBytes
    ) -> None:
        """Fetch files into a folder, resuming an earlier try, and check them.

        Raises EngineError, or FetchCancelled.
        """
        total, done = sum(file.size for file in files), 0
        for file in files:
            with self._translate_errors(offer.repository):
                hf_hub_download(
                    offer.repository,
                    file.name,
                    revision=offer.revision,
                    local_dir=folder,
                    endpoint=self._endpoint,
                    tqdm_class=_make_progress_class(on_bytes, done, total),
                )
            _check_file(folder / file.name, file)
            done += file.size
            if not on_bytes(done, total):
                raise FetchCancelled

    @contextmanager
    def _translate_errors(self, repository: str) -> Iterator[None]:
        try:
            yield
        except GatedRepoError as error:
            if get_token() is None:
                raise TokenNeededError(
                    f"{repository} is only for accounts of Hugging Face: give a token, "
                    "which https://huggingface.co/settings/tokens makes."
                ) from error
            raise LicenceNotAcceptedError(
                f"This account has not agreed to the conditions of {repository}: "
                f"agree on {self.page_url(repository)}, then try again."
            ) from error
        except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
            if _read_status(error) == 401 and get_token() is not None:
                raise TokenNeededError(
                    "Hugging Face does not accept the token: give another one."
                ) from error
            raise EngineError(
                f"There is no model {repository} on Hugging Face, or it is only for accounts: "
                "check its name, or give a token."
            ) from error
        except LocalEntryNotFoundError as error:
            raise _make_network_error(error) from error
        except EntryNotFoundError as error:
            raise EngineError(
                f"{repository} has lost a file that it offered: try again."
            ) from error
        except HfHubHTTPError as error:
            if _read_status(error) == 401:
                raise TokenNeededError(
                    "Hugging Face does not accept the token: give another one."
                ) from error
            raise EngineError(
                f"Hugging Face answered with an error ({_read_status(error)}): try again later."
            ) from error
        except _NETWORK_ERRORS as error:
            raise _make_network_error(error) from error
        except OSError as error:  # a full disk, or a file of another length than was promised
            reason = " ".join(str(error).split())[:200]
            raise EngineError(
                f"{repository} could not be fetched ({reason}): try again."
            ) from error


def store_token(token: str) -> None:
    """Store a token as huggingface_hub does; raises TokenNeededError for a wrong one."""
    try:
        login(token=token, add_to_git_credential=False)
    except (ValueError, HfHubHTTPError) as error:
        raise TokenNeededError(
            "Hugging Face does not accept the token: give another one."
        ) from error
    except _NETWORK_ERRORS as error:
        raise _make_network_error(error) from error


def _make_network_error(error: Exception) -> NoNetworkError:
    return NoNetworkError(
        f"Hugging Face cannot be reached ({type(error).__name__}): check the network and try "
        "again, what was fetched is kept."
    )


def _read_status(error: Exception) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _check_file(path: Path, file: HubFile) -> None:
    """Raise EngineError, and remove the file, unless it is the one on offer."""
    problem = None
    if path.stat().st_size != file.size:
        problem = f"has {path.stat().st_size} bytes, not {file.size}"
    elif file.sha256 is not None and _hash_file(path) != file.sha256:
        problem = "has another checksum than it should have"
    if problem is not None:
        path.unlink()
        raise EngineError(f"{file.name} {problem}, and was removed: fetch the model again.")


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _make_progress_class(on_bytes: OnBytes, before: int, total: int) -> type[Any]:
    """Make a subclass of tqdm that shows nothing and calls `on_bytes`."""

    class Reporting(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as tqdm has it
            self._here = int(options.get("initial") or 0)
            options["disable"] = True
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> bool | None:
            self._here += int(n or 0)
            if not on_bytes(before + self._here, total):
                raise FetchCancelled
            return None

    return Reporting
