"""The networks: transformers, codecs, text encoders and critics. Needs torch."""
