"""The paper's table: trains, exports and measures all models in it. Needs torch."""
