"""A training run: its folder, optimizer, precision, processes."""
