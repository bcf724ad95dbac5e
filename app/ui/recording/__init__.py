"""The Record button and its menu."""
