"""Training runs: settings, data, losses, loops, export. Needs torch."""
