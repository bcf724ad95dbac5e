"""Corpora, losses and training loops."""
