"""Training of the rectified flow, and its ODE warm-up."""
