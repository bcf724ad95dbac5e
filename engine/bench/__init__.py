"""Benchmarks of generation. Needs torch."""
