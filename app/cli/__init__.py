"""The command line: which command is done where, and those that need the instrument."""
