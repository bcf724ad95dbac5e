"""Another model while pads play: nothing that sounds is touched, and the choice is remembered."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.actions.setup.model_library import ModelChoice
from engine.library.card import EMBEDDED_FOLDER
from tests.fakes.app.whole_instrument import WholeInstrument
from tests.fakes.engine.published_folder import write_published


def choice(instrument: WholeInstrument, name: str) -> ModelChoice:
    models = instrument.actions.models
    models.library.refresh()
    instrument.until(lambda: name in [found.folder.name for found in models.library.choices])
    return next(found for found in models.library.choices if found.folder.name == name)


def test_a_playing_pad_plays_on_while_the_model_is_switched(
    instrument: WholeInstrument, tmp_path: Path
) -> None:
    instrument.make("kick", 0)
    instrument.actions.pad_trigger.hit(0)
    whole = instrument.hear(0.5)
    instrument.hear(1.5)
    instrument.actions.models.library.add(write_published(tmp_path / "small"))
    small = choice(instrument, "small")
    instrument.actions.pad_trigger.hit(0)
    first = instrument.hear(0.25)
    instrument.actions.models.use(small)
    second = instrument.hear(0.25)
    assert np.abs(np.concatenate([first, second]) - whole).max() < 1e-4
    instrument.engine.ready()
    instrument.until(lambda: instrument.session.engine.ready)
    instrument.make("clap", 2)
    assert model_of(instrument, 2) == "embedded"
    instrument.engine.switch()
    instrument.until(lambda: instrument.session.engine.model == "small")
    instrument.make("snare", 1)
    assert model_of(instrument, 1) == "small"


def model_of(instrument: WholeInstrument, pad: int) -> str:
    taken = instrument.pads[pad].takes.current
    assert taken is not None and taken.recipe is not None
    return taken.recipe.model


def test_the_chosen_model_is_used_again_at_the_next_start(tmp_path: Path) -> None:
    first = WholeInstrument()
    first.start()
    assert first.actions.models.folder == EMBEDDED_FOLDER
    first.actions.models.library.add(write_published(tmp_path / "small"))
    small = choice(first, "small")
    first.actions.models.use(small)
    first.stop()
    second = WholeInstrument()
    second.start()
    second.until(lambda: second.engine.used == [small.folder])
    assert second.engine.model_folder == EMBEDDED_FOLDER
    second.engine.switch()
    second.until(lambda: second.actions.models.folder == small.folder)
    second.stop()
    for path in sorted(small.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    small.folder.rmdir()
    third = WholeInstrument()
    third.start()
    assert third.engine.used == [] and third.actions.models.folder == EMBEDDED_FOLDER
    third.stop()
