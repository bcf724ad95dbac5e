"""MIDI clock, in and out."""
