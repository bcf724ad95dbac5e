"""What a player does to a pad: hit it, fill it, shape it."""
