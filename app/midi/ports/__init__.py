"""MIDI ports: finding, opening, polling and feeding them."""
