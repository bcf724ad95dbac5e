"""The paper's table: train, export and measure all that it compares. Needs torch."""
