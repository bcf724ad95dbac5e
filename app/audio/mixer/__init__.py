"""The mixer as the app sees it: pads, hits, tempo. The kernel does the mixing."""
