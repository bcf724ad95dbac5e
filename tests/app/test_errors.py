from __future__ import annotations

import errno

import pytest

from app.errors import reason
from engine.errors import PlayerError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), "the disk is read-only"),
        (PermissionError(errno.EACCES, "Permission denied"), "Pingpad is not allowed"),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
        (PlayerError("Plug it in."), "Plug it in."),
        (KeyError(), "KeyError"),
    ],
)
def test_reasons_are_plain_words(error: Exception, words: str) -> None:
    assert words in reason(error)
