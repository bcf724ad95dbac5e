"""Captions and the lexicon they are composed from."""
