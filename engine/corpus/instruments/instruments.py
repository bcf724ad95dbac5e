"""Every instrument by the kind it plays. Training process."""

from __future__ import annotations

from engine.corpus.instruments.cymbals import CYMBALS
from engine.corpus.instruments.drums import DRUMS
from engine.corpus.instruments.effects import EFFECTS
from engine.corpus.instruments.loops import LOOPS
from engine.corpus.instruments.machines import MACHINES
from engine.corpus.instruments.melodic import MELODIC
from engine.corpus.instruments.mouth import MOUTH
from engine.corpus.instruments.orchestra import ORCHESTRA
from engine.corpus.instruments.percussion import PERCUSSION
from engine.corpus.instruments.scenes import SCENES
from engine.corpus.instruments.stringed import STRINGED
from engine.corpus.instruments.struck import STRUCK
from engine.corpus.instruments.synths import SYNTHS
from engine.corpus.instruments.textures import TEXTURES
from engine.corpus.synthesis.patch import Instrument

INSTRUMENTS: dict[str, Instrument] = {
    **DRUMS,
    **CYMBALS,
    **PERCUSSION,
    **SYNTHS,
    **STRUCK,
    **STRINGED,
    **ORCHESTRA,
    **MELODIC,
    **EFFECTS,
    **TEXTURES,
    **SCENES,
    **MACHINES,
    **MOUTH,
    **LOOPS,
}


def instrument(kind: str, variant: str) -> str:
    """The name of what plays a kind: its own for some sub-kinds, one for all machines of a drum."""
    own = f"{kind} {variant}"
    return own if own in INSTRUMENTS else kind
