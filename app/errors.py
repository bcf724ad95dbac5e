"""reason: describes a file's error in plain words. Any thread."""

from __future__ import annotations

import errno

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "Pingpad is not allowed to write there",
    errno.EPERM: "Pingpad is not allowed to write there",
    errno.ENOENT: "the folder is not there",
    errno.ENOTDIR: "a file is where a folder should be",
}


def reason(error: BaseException) -> str:
    """Return the reason of an error in a few plain words, for after a colon or in brackets."""
    if isinstance(error, OSError) and error.errno is not None:
        return _REASONS.get(error.errno, (error.strerror or str(error)).lower())
    return str(error) or type(error).__name__
