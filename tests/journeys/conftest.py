from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.app.whole_instrument import WholeInstrument


@pytest.fixture
def instrument() -> Iterator[WholeInstrument]:
    instrument = WholeInstrument()
    instrument.start()
    yield instrument
    instrument.stop()
