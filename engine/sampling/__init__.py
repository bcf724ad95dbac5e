"""Schedules, samplers and guidance."""
