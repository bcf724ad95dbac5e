"""Actions on a pad: play it, generate or load its sound, set its parameters."""
