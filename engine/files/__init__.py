"""Reading and writing of files: atomic, strict tables, TOML, audio. No torch."""
