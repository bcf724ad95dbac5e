"""Sound devices: finding them, opening them, keeping them open."""
