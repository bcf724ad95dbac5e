"""Training of the autoencoder. Needs torch."""
