"""Actions that choose the sound devices and the model."""
