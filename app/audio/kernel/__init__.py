"""The code that runs in the sound card's callbacks, compiled by numba.

Nothing in this package locks, allocates, logs or calls Python; it reads and writes only the memory
of `app.audio.kernel.layout`. Import it only when sound is to be made: the first import on a machine
compiles (some seconds), later ones read numba's cache.
"""
