"""Widgets, icons, waveforms and the theme, shared by all panels."""
