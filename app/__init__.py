"""The instrument: windows, sound and MIDI. Never imports torch."""
