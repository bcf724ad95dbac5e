"""What controllers do: learning, knobs, clocks and note maps."""
