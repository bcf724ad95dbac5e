"""The commands that need no window.

Each module has frozen `Arguments`, `add_arguments(parser)`, whose destinations are the fields, and
`run(arguments, context)`, which returns the exit status. Torch is imported where it is used.
"""
