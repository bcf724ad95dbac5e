"""Pure measures of sounds and of sets of sounds."""
