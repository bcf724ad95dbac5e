"""Loads model folders. Needs torch."""
