"""MIDI bytes, maps, and what a message means."""
