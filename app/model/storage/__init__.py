"""The model on disk: takes, kits and the session."""
