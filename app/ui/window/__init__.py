"""The main window: top bar, status line, notices and frame timer."""
