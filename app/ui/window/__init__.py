"""The main window: its frame, status line and notices."""
