"""Benchmarks of real-time behaviour: MIDI-to-sound latency, and callbacks under load."""
