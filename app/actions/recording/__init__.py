"""Recording: takes from the input or the output, and the master output to a file."""
