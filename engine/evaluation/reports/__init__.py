"""Tables and pages of what was measured."""
