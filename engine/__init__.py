"""Generates sounds from words and recordings. Never imports app, Qt, MIDI or the sound card."""
