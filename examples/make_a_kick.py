"""Write kick.wav, made by the model that ships with Pingpad.

Run it where Pingpad is installed, or in a checkout: PYTHONPATH=. python examples/make_a_kick.py
"""

from pathlib import Path

from engine.api import Recipe
from engine.files.audio import write_clip
from engine.generation.generator import load_generator
from engine.library.card import EMBEDDED_FOLDER

generator = load_generator(EMBEDDED_FOLDER)
kick = generator.generate(Recipe("punchy 909 kick", seconds=0.5, seed=7))
write_clip(Path("kick.wav"), kick.clip)
print(f"kick.wav: {kick.clip.seconds:g} s, made in {kick.timing.whole_ms:.0f} ms")
