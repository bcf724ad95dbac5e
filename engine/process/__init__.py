"""The engine process and the app's client of it. Torch only inside the engine process."""
