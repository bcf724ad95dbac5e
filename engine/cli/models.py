"""The command line's `models add` and `models remove`. No torch.

Raises EngineError with a sentence for the player.
"""

from __future__ import annotations

import argparse
import getpass
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from engine.api import EngineError
from engine.library.progress import TimeLeft

if TYPE_CHECKING:  # the other commands need not wait for huggingface_hub
    from engine.library.hub import Hub, OnBytes
    from engine.library.store import ModelStore

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_YES = ("y", "yes")


def add_models(parser: argparse.ArgumentParser) -> None:
    """The arguments of `models`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    doing = parser.add_subparsers(dest="doing", metavar="add | remove")
    add = doing.add_parser("add", help="put a model where Pingpad finds it")
    add.add_argument(
        "source", help="a model's folder or file, or OWNER/NAME on Hugging Face, or a LoRA's file"
    )
    add.add_argument("--name", help="default: as the source is called")
    add.add_argument("--onto", metavar="MODEL", help="of a LoRA: the added model that it changes")
    add.add_argument("--strength", type=float, default=1.0, help="of a LoRA, default 1")
    add.add_argument("--revision", help="of a repository on Hugging Face, default the newest")
    add.add_argument(
        "--accept-licence", action="store_true", help="agree to the model's licence unasked"
    )
    remove = doing.add_parser("remove", help="delete a model that was added")
    remove.add_argument("name")


def add(given: argparse.Namespace, store: ModelStore) -> Path:
    """Add the model that the arguments name; returns its folder."""
    from engine.library.hub import Hub

    source = Path(given.source)
    if given.onto is not None:
        return store.add_lora(source, given.onto, given.strength, given.name)
    if source.exists() or not _REPOSITORY.fullmatch(given.source):
        return store.add(source, given.name)
    return _with_token(lambda: _fetched(given, store, Hub()))


def _fetched(given: argparse.Namespace, store: ModelStore, hub: Hub) -> Path:
    offer = hub.offer(given.source, given.revision)
    told = f"{offer.repository} is under the licence {offer.licence}: {offer.page}"
    if not given.accept_licence:
        if not sys.stdin.isatty():
            raise EngineError(f"{told}. Read it, then say --accept-licence.")
        answer = input(f"{told}\nDo you agree to it? Type yes to go on: ")
        if answer.strip().lower() not in _YES:
            raise EngineError("The licence was not accepted, and nothing was fetched.")
    return store.fetch(hub, offer, showing_progress(sys.stderr), given.name)


def _with_token(fetch: Callable[[], Path]) -> Path:
    """Fetch; where a token is missing, ask for one and fetch again."""
    from engine.library.hub import TokenNeededError, keep_token

    try:
        return fetch()
    except TokenNeededError as error:
        if not sys.stdin.isatty():
            raise
        print(error, file=sys.stderr)  # noqa: T201 - a question on the command line
        token = getpass.getpass("Token: ").strip()
        if not token:
            raise
        keep_token(token)
        return fetch()


def showing_progress(out: TextIO, now: Callable[[], float] = time.monotonic) -> OnBytes:
    """A listener that writes share, size and time left on one line, where `out` is a terminal."""
    left = TimeLeft(now)

    def show(done: int, total: int) -> bool:
        words = left.words(done, total)
        if out.isatty() and total:
            out.write(f"\r{done / total:4.0%} of {total >> 20} MB{words}   ")
            out.flush()
        return True

    return show
