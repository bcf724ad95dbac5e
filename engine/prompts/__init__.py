"""Parsing of prompts as musicians write them. No torch."""
