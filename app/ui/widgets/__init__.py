"""Controls, icons and colours that several panels use."""
