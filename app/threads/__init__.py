"""Threads beside the main one: background work, file writer and ticker."""
