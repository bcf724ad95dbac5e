"""What is to be rendered: which sound, which groove, which arrangement."""
