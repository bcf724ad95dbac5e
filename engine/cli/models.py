"""`models`: lists, adds and removes models on this computer. No torch."""

from __future__ import annotations

import getpass
import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from engine.cli.context import (
    COULD_NOT,
    DONE,
    CommandContext,
    CommandError,
    show_line,
    show_warning,
)
from engine.errors import PlayerError
from engine.library.card import list_models, read_card

if TYPE_CHECKING:  # the other commands need not wait for huggingface_hub
    from engine.library.hub import Hub, OnBytes
    from engine.library.store import ModelStore

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_YES = ("y", "yes")


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `models`; `action` is "add", "remove" or, to list them, None.

    Arguments of an action that was not given have their defaults.
    """

    json: bool
    action: str | None
    source: str = ""
    name: str | None = None
    onto: str | None = None
    strength: float = 1.0
    revision: str | None = None
    accept_licence: bool = False


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `models`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    actions = parser.add_subparsers(dest="action", metavar="add | remove")
    add = actions.add_parser("add", help="put a model where Pingpad finds it")
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
    remove = actions.add_parser("remove", help="delete a model that was added")
    remove.add_argument("name")


def run(arguments: Arguments, context: CommandContext) -> int:
    """List the models, add one or remove one."""
    if arguments.action is None:
        return _list_models(arguments, context)
    from engine.library.store import ModelStore

    store = ModelStore(context.models)
    if arguments.action == "remove":
        store.remove(arguments.name or "")
    else:
        show_line(f"added: {_add(arguments, store)}")
    return DONE


def _list_models(arguments: Arguments, context: CommandContext) -> int:
    status = DONE
    for folder in [folder for root in context.model_roots for folder in list_models(root)]:
        try:
            card = read_card(folder)
        except PlayerError as error:
            show_warning(error)
            status = COULD_NOT
            continue
        if arguments.json:
            print(json.dumps({"folder": str(folder)} | asdict(card)))
        else:
            limits = f"{card.sample_rate} Hz, up to {card.longest_s:g} s, {card.licence}"
            print(f"{card.name}: {card.summary} ({limits})\n    {folder}")
    return status


def _add(arguments: Arguments, store: ModelStore) -> Path:
    """Add the model that the arguments name; return its folder."""
    from engine.library.hub import Hub

    source = Path(arguments.source)
    if arguments.onto is not None:
        return store.add_lora(source, arguments.onto, arguments.strength, arguments.name)
    if source.exists() or not _REPOSITORY.fullmatch(arguments.source):
        return store.add(source, arguments.name)
    return _retry_with_token(lambda: _fetch(arguments, store, Hub()))


def _fetch(arguments: Arguments, store: ModelStore, hub: Hub) -> Path:
    offer = hub.get_offer(arguments.source, arguments.revision)
    licence = f"{offer.repository} is under the licence {offer.licence}: {offer.page}"
    if not arguments.accept_licence:
        _ask_for_consent(licence)
    with show_fetching(sys.stderr) as on_bytes:
        return store.fetch(hub, offer, on_bytes, arguments.name)


@contextmanager
def show_fetching(out: TextIO) -> Iterator[OnBytes]:
    """Yield a callback that draws a progress bar, if `out` is a terminal."""
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, file=out, disable=None) as bar:

        def on_bytes(done: int, total: int) -> bool:
            if bar.total is None:  # bytes of an earlier try must not count towards the speed
                bar.total, bar.initial, bar.n = total, done, done
            bar.update(done - bar.n)
            return True

        yield on_bytes


def _ask_for_consent(licence: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(f"{licence}. Read it, then say --accept-licence.")
    answer = input(f"{licence}\nDo you agree to it? Type yes to go on: ")
    if answer.strip().lower() not in _YES:
        raise CommandError("The licence was not accepted, and nothing was fetched.")


def _retry_with_token(fetch: Callable[[], Path]) -> Path:
    """Fetch; where a token is missing, ask for one and fetch again."""
    from engine.library.hub import TokenNeededError, store_token

    try:
        return fetch()
    except TokenNeededError as error:
        if not sys.stdin.isatty():
            raise
        show_line(str(error))
        token = getpass.getpass("Token: ").strip()
        if not token:
            raise
        store_token(token)
        return fetch()
