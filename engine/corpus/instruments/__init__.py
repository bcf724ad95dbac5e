"""The synthesizers that render the corpus, a module for each family."""
