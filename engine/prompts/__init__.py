"""Prompts read as a musician writes them. No torch."""
