"""The player's actions, one module for each; they change the session and call mixer and engine."""
