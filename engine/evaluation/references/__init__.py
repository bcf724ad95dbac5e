"""What models are compared with: real sounds, embedders, Opus. Needs torch."""
