"""Measuring the speed of generation. Needs torch."""
