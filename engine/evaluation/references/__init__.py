"""What is compared with: real sounds, embedders, Opus."""
