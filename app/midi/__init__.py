"""MIDI messages, maps and ports."""
