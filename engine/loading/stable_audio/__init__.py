"""Loads published Stable Audio models strictly. Needs torch."""
