"""Models on disk: cards, the store, downloads. No torch."""
