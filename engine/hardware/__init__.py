"""Devices and precision, free memory, reading of weights. Needs torch."""
