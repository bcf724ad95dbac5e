"""MIDI messages, note maps and controller maps."""
