"""Published Stable Audio models: their layout, read strictly. Needs torch."""
