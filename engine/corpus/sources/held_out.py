"""Which instruments and recordings are held out of training, for evaluation. No torch."""

from __future__ import annotations

from hashlib import blake2b

HELD_OUT_OF = 10
"""One instrument in this many is held out."""


def is_held_out(instrument: str) -> bool:
    """Whether a whole instrument, of whatever note or take, is kept out of training."""
    digest = blake2b(f"instrument {instrument}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % HELD_OUT_OF == 0
