"""The same networks, faster: compiled, as CUDA graphs, in tiles. Needs torch."""
