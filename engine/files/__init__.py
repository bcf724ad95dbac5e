"""Files that several rooms read and write: strict tables. No torch."""
