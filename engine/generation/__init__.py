"""From a recipe to a clip. Needs torch."""
