"""Kits, sessions, settings and audio files: open, save, import, drag out."""
