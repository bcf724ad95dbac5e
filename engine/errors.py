"""The root of all errors that a player can mend. Any thread; no torch."""

from __future__ import annotations


class PlayerError(Exception):
    """Something a player can mend; the text says what happened and what to do next."""
