"""The training corpus: sounds with true captions."""
