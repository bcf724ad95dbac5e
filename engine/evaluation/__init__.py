"""Evaluation of models: measures, references, runs, reports. Needs torch."""
