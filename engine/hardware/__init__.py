"""Which device, how much memory, how weights are read. Needs torch."""
