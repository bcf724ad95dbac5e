"""Kits, sessions and audio files: open, save, drop in, drag out."""
