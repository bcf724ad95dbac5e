"""The engine process and the app's side of it. No torch but in the process itself."""
