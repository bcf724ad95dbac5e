"""Every instrument by the kind it plays. Training process."""

from engine.training.corpus.cymbals import CYMBALS
from engine.training.corpus.drums import DRUMS
from engine.training.corpus.effects import EFFECTS
from engine.training.corpus.loops import LOOPS
from engine.training.corpus.machines import MACHINES
from engine.training.corpus.melodic import MELODIC
from engine.training.corpus.mouth import MOUTH
from engine.training.corpus.orchestra import ORCHESTRA
from engine.training.corpus.patch import Instrument
from engine.training.corpus.percussion import PERCUSSION
from engine.training.corpus.scenes import SCENES
from engine.training.corpus.stringed import STRINGED
from engine.training.corpus.struck import STRUCK
from engine.training.corpus.synths import SYNTHS
from engine.training.corpus.textures import TEXTURES

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
