"""The base class of errors that a player can fix. Any thread; no torch."""

from __future__ import annotations


class PlayerError(Exception):
    """Something a player can fix; the text says what happened and what to do next."""
