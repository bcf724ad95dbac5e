"""MIDI ports: listing, opening, polling inputs and sending to outputs."""
