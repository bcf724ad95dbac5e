"""Names and numbers of notes. Any thread; no torch."""

from __future__ import annotations

import re

SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
"""Pitch classes 0..11."""

HIGHEST_NOTE = 127
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


def format_note(number: int) -> str:
    """Format a MIDI number: 69 is "A4"."""
    return f"{SHARPS[number % 12]}{number // 12 - 1}"


def parse_pitch_class(name: str) -> int | None:
    """Return 0..11 for a note's name without its octave ("C#" is 1, "Bb" 10), None for others."""
    match = re.fullmatch(r"([a-g])([#♯b♭]?)", name, re.IGNORECASE)
    if match is None:
        return None
    return (_SEMITONES[match[1].lower()] + _ACCIDENTALS[match[2].lower()]) % 12


def parse_note(name: str) -> int | None:
    """Return the MIDI number of a note with its octave ("A4" is 69, "Bb1" 34), None for others."""
    match = re.fullmatch(r"([a-g])([#♯b♭]?)([0-9])", name, re.IGNORECASE)
    if match is None:
        return None
    letter, accidental, octave = match[1].lower(), match[2].lower(), int(match[3])
    number = 12 * (octave + 1) + _SEMITONES[letter] + _ACCIDENTALS[accidental]
    return number if number <= HIGHEST_NOTE else None
