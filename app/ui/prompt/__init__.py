"""The prompt and how a sound is made."""
