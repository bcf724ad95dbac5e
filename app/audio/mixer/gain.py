"""Conversion of gains from dB to linear factors. Any thread."""

from __future__ import annotations

LOUDEST_DB, QUIETEST_DB = 24.0, -120.0


def gain_from_db(gain_db: float) -> float:
    """Return a gain of -120..24 dB as a factor; -120 dB is silence."""
    if not QUIETEST_DB <= gain_db <= LOUDEST_DB:
        raise ValueError(f"gain_db must be {QUIETEST_DB:g}..{LOUDEST_DB:g}, got {gain_db}")
    return 0.0 if gain_db == QUIETEST_DB else 10.0 ** (gain_db / 20.0)
