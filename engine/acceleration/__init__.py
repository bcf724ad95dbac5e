"""Faster execution of the networks: layouts, compilation, CUDA graphs, tiles. Needs torch."""
