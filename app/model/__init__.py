"""The model: pads, takes, kits and the session, with events for those who show them. No Qt."""
