"""Analysis and synthesis of sound as tensors: spectra, loudness. Needs torch."""
