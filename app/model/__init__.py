"""What is true, without a window: pads, takes, kits and the session."""
