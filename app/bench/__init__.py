"""Measuring real time on this machine: MIDI to sound, callbacks under load."""
