"""The command line: the table of commands, and those that need the instrument."""
