"""Analysis and synthesis of sound as tensors: spectra, mel frames, loudness. Needs torch."""
