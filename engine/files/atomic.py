"""Atomic writes: a file is replaced whole or stays as it was. Any thread; no torch."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path


@contextlib.contextmanager
def replace_file(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Yield a new file's path beside `path`; it replaces `path` when the block succeeds.

    `sync` waits until content and name are on the disk, so that they survive a power cut. Raises
    OSError; whatever the block raises leaves the old file as it was and nothing beside it.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield temporary
        if sync:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def write_bytes(path: Path, content: bytes | memoryview, *, sync: bool = False) -> None:
    """Write a file whole. Raises OSError."""
    with replace_file(path, sync=sync) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str, *, sync: bool = False) -> None:
    """Write a UTF-8 file whole, with the folders above it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode("utf-8"), sync=sync)


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a JSON file as `write_text` does and wait for the disk. Raises OSError."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text, sync=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can do that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
