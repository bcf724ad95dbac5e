"""The prompt panel and its line edit."""
