"""Recording from the input and from the output, into memory and onto disk."""
