"""The threads beside the main one: background work and writing files."""
