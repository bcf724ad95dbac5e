"""Sounds to train on, with captions that are true of them."""
