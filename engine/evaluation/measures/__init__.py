"""Measures of sounds and of sets of sounds, as pure functions."""
