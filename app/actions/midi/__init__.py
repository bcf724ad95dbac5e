"""MIDI actions: controls, MIDI learn, note maps and clock."""
