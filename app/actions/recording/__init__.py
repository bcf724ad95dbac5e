"""Recording: of the input, of what is played, and what becomes of it."""
