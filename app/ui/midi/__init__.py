"""The MIDI window and its panels."""
