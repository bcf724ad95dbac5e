"""Training of the embedder that evaluation measures with."""
