"""From a folder to a sound model. Needs torch."""
