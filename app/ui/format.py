"""Format values, measurements and messages for the player. Any thread."""

from __future__ import annotations

from app.audio.devices.round_trip import CLICKS, RoundTrip
from app.midi.messages.message import (
    RESET_CONTROLLERS,
    Aftertouch,
    ClockMessage,
    ControlChange,
    NoteOff,
    NoteOn,
    Panic,
    ProgramChange,
    ResetControllers,
    SongPosition,
    parse,
)
from app.model.takes import Take

MAX_BYTES = 8
"""Bytes of an unknown message that are shown."""
MAX_NAMED = 3
"""Unknown words that are named; the rest are counted."""
MAX_WORD = 24


def format_ms(milliseconds: float) -> str:
    """Format a measured time: "840 ms", "1.20 s"."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.2f} s"


def format_round_trip(loop: RoundTrip | None) -> str:
    """Format a measurement of the round trip; "" for none."""
    if loop is None:
        return ""
    if loop.error:
        return loop.error
    return (
        f"{loop.milliseconds:.1f} ms from output to input. {loop.heard} of {CLICKS} clicks were "
        f"heard, {loop.spread_ms:.1f} ms apart at most."
    )


def format_take(take: Take, *, with_time: bool = False) -> str:
    """Format length, origin and seed of a take, and how long it took to make."""
    facts = [f"{take.clip.seconds:.2f} s"]
    if take.kind != "generated":
        facts.append(take.kind)
    if take.recipe is not None and take.recipe.seed is not None:
        facts.append(f"seed {take.recipe.seed}")
    if with_time and take.whole_ms is not None:
        facts.append(f"made in {take.whole_ms:.0f} ms")
    return " · ".join(facts)


def format_unknown_words(words: tuple[str, ...]) -> str:
    """Format the warning about words the model has never seen; "" for none."""
    if not words:
        return ""
    named = ", ".join(_shorten(word) for word in words[:MAX_NAMED])
    more = len(words) - MAX_NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"The model has never seen: {named}{rest}"


def _shorten(word: str) -> str:
    return word if len(word) <= MAX_WORD else word[: MAX_WORD - 1] + "…"


def format_message(data: bytes) -> str:
    """Format a MIDI message with the numbers that controller maps use."""
    message = parse(data)
    match message:
        case NoteOn():
            text = f"note {message.note} on, velocity {message.velocity}"
        case NoteOff():
            text = f"note {message.note} off"
        case ControlChange():
            text = f"CC {message.number} = {message.value}"
        case ProgramChange():
            text = f"program {message.number}"
        case Aftertouch():
            text = f"aftertouch {message.value}"
        case Panic():
            text = f"panic (CC {data[1]})"
        case ResetControllers():
            return f"reset of all controls (CC {RESET_CONTROLLERS})"
        case ClockMessage():
            return f"clock {message.kind}"
        case SongPosition():
            return f"song position {message.sixteenths} sixteenths"
        case _:
            more = "…" if len(data) > MAX_BYTES else ""
            return " ".join(f"{byte:02X}" for byte in data[:MAX_BYTES]) + more
    return f"{text}, channel {message.channel + 1}"
