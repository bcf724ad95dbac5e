"""From a folder to a playable model. Needs torch."""
