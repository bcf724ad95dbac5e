"""A training run: its loop, seeds, folder, optimizer, precision and processes."""
