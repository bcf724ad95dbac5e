"""Windows beside the main one: devices, round trip, models."""
