"""Models on disk: cards, downloads, the list of what is there. No torch."""
