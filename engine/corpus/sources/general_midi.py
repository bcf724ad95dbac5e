"""The names of General MIDI's instruments and drums, as players say them. Needs no torch."""

from __future__ import annotations

PROGRAMS = tuple(
    """acoustic grand piano|bright acoustic piano|electric grand piano|honky tonk piano|
electric piano|fm electric piano|harpsichord|clavinet|celesta|glockenspiel|music box|vibraphone|
marimba|xylophone|tubular bells|dulcimer|drawbar organ|percussive organ|rock organ|church organ|
reed organ|accordion|harmonica|bandoneon|nylon guitar|steel string guitar|jazz guitar|
clean electric guitar|muted electric guitar|overdriven guitar|distorted guitar|guitar harmonics|
acoustic bass|fingered bass|picked bass|fretless bass|slap bass|slap bass pop|synth bass|
rubber synth bass|violin|viola|cello|double bass|tremolo strings|pizzicato strings|harp|timpani|
string ensemble|slow strings|synth strings|warm synth strings|choir aahs|voice oohs|synth voice|
orchestra hit|trumpet|trombone|tuba|muted trumpet|french horn|brass section|synth brass|
soft synth brass|soprano saxophone|alto saxophone|tenor saxophone|baritone saxophone|oboe|
english horn|bassoon|clarinet|piccolo|flute|recorder|pan flute|blown bottle|shakuhachi|whistle|
ocarina|square lead|saw lead|calliope lead|chiff lead|charang lead|voice lead|fifths lead|
bass lead|new age pad|warm pad|polysynth pad|choir pad|bowed glass pad|metallic pad|halo pad|
sweep pad|ice rain|soundtrack|crystal|atmosphere|brightness|goblins|echo drops|star theme|sitar|
banjo|shamisen|koto|kalimba|bagpipe|fiddle|shanai|tinkle bell|agogo|steel drums|woodblock|taiko|
melodic tom|synth drum|reverse cymbal|guitar fret noise|breath noise|seashore|bird tweet|
telephone ring|helicopter|applause|gunshot""".replace("\n", "").split("|")
)
_DRUM_NAMES = """acoustic kick|kick|side stick|snare|hand clap|electric snare|low floor tom|
closed hi-hat|high floor tom|pedal hi-hat|low tom|open hi-hat|low mid tom|high mid tom|
crash cymbal|high tom|ride cymbal|china cymbal|ride bell|tambourine|splash cymbal|cowbell|
second crash cymbal|vibraslap|second ride cymbal|high bongo|low bongo|muted conga|open conga|
low conga|high timbale|low timbale|high agogo|low agogo|cabasa|maracas|short whistle|long whistle|
short guiro|long guiro|claves|high woodblock|low woodblock|muted cuica|open cuica|muted triangle|
open triangle""".replace("\n", "").split("|")
DRUMS = dict(enumerate(_DRUM_NAMES, 35))
"""Names by MIDI key."""
_KITS = {8: "room", 16: "power", 24: "electronic", 25: "808", 32: "jazz", 40: "brush"}


def kit_name(program: int) -> str:
    """Return what goes before a drum's name: "808" snare; nothing for the standard kit."""
    return _KITS.get(program, "")
