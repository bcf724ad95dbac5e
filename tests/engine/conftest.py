"""For the engine's tests: one thread, since many small products are slower on several."""

import os

# Before torch is imported, which reads it once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
