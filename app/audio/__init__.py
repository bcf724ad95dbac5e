"""Real time: what the sound card calls, and what feeds it."""
