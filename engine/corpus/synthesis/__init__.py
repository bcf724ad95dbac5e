"""The building blocks of synthesis: oscillators, envelopes, filters, rooms."""
