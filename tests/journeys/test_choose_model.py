"""Another model while pads play: nothing that sounds is touched, and the choice is remembered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from published_folder import write_published
from whole_instrument import WholeInstrument

from app.actions.choose_model import Choice
from engine.api import Ready
from engine.model_card import EMBEDDED_FOLDER


def choice(instrument: WholeInstrument, name: str) -> Choice:
    models = instrument.actions.models
    models.look()
    instrument.until(lambda: name in [found.folder.name for found in models.choices])
    return next(found for found in models.choices if found.folder.name == name)


def test_a_playing_pad_plays_on_while_the_model_is_switched(
    instrument: WholeInstrument, tmp_path: Path
) -> None:
    instrument.make("kick", 0)
    instrument.actions.hits.hit(0)
    whole = instrument.hear(0.5)
    instrument.hear(1.5)
    instrument.actions.models.add(write_published(tmp_path / "small"))
    small = choice(instrument, "small")
    instrument.actions.hits.hit(0)
    first = instrument.hear(0.25)
    instrument.actions.models.use(small)
    second = instrument.hear(0.25)
    assert np.abs(np.concatenate([first, second]) - whole).max() < 1e-4
    instrument.engine.say(Ready("small", "cpu", "float32", 1.0))
    instrument.until(lambda: instrument.session.engine.ready)
    instrument.make("snare", 1)
    taken = instrument.pads[1].takes.current
    assert taken is not None and taken.recipe is not None and taken.recipe.model == "small"


def test_the_chosen_model_is_used_again_at_the_next_start(tmp_path: Path) -> None:
    first = WholeInstrument()
    first.start()
    assert first.actions.models.folder == EMBEDDED_FOLDER
    first.actions.models.add(write_published(tmp_path / "small"))
    small = choice(first, "small")
    first.actions.models.use(small)
    first.stop()
    second = WholeInstrument()
    second.start()
    assert second.actions.models.folder == small.folder
    assert second.engine.model_folder == small.folder
    second.stop()
    for path in sorted(small.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    small.folder.rmdir()
    third = WholeInstrument()
    assert third.engine.model_folder == EMBEDDED_FOLDER
