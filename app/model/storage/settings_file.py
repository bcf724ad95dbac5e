"""Settings: what Pingpad remembers between two starts, in settings.json. Any thread."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from app.audio.devices.state import MeasuredTrip
from app.model.panel import NOT_SAVED, PanelSettings
from engine.files.atomic import write_json
from engine.files.strict import ConfigError, from_table, typed_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(PanelSettings):
    """What is saved. Every field has a default: an older file lacks the newer ones."""

    window_geometry: str = ""
    """QWidget.saveGeometry() as hexadecimal digits; "" = let the desktop choose."""
    model: str = ""
    """Folder of the model in use, among those that were added; "" = the embedded one."""
    midi_channel: int = 0
    """1..16; 0 listens to all."""
    pad_map: str = "chromatic"
    """Name of the note map that plays the pads."""
    midi_lights: str = "automatic"
    """"automatic", "off", or the name of a port whose pads show a velocity."""
    clock_from: str = ""
    """Name of the MIDI port whose clock is followed; "" = none."""
    clock_to: str = ""
    """Name of the MIDI port that is sent a clock; "" = none."""


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Settings as read, and a sentence for the player if something was wrong ("" when fine)."""

    settings: Settings
    notice: str = ""


def read_settings(path: Path) -> ReadSettings:
    """Read the settings; a damaged file is moved aside and the defaults are used.

    Never raises: without settings an instrument still has to open.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ReadSettings(Settings())
    except OSError as error:
        return _quarantine(path, (error.strerror or str(error)).lower())
    except UnicodeDecodeError:
        return _quarantine(path, "it is not a text")
    try:
        return ReadSettings(_parse(text))
    except (ValueError, ConfigError) as error:
        return _quarantine(path, str(error).rstrip("."))


def write_settings(path: Path, settings: Settings) -> None:
    """Write the settings so that a crash leaves the old or the new file whole. Raises OSError."""
    values = asdict(settings)
    write_json(path, {name: value for name, value in values.items() if name not in NOT_SAVED})


def _quarantine(path: Path, why: str) -> ReadSettings:
    aside = next(
        name
        for number in itertools.count(1)
        if not (name := path.with_name(f"{path.name}.damaged-{number}")).exists()
    )
    try:
        path.replace(aside)
    except OSError:
        return ReadSettings(Settings(), f"The settings could not be read ({why}).")
    return ReadSettings(
        Settings(),
        f"The settings file was damaged ({why}); it was put aside as {aside.name} "
        "and Pingpad starts with its defaults.",
    )


def _parse(text: str) -> Settings:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("it holds no settings")
    hints = get_type_hints(Settings)
    known: dict[str, Any] = {}
    for name in (field.name for field in fields(Settings)):
        if name == "round_trips":
            known[name] = _read_trips(data.get(name))
        elif name in data and name not in NOT_SAVED:
            known[name] = typed_value(data[name], hints[name], name)
    return Settings(**known).clamp()


def _read_trips(value: object) -> tuple[MeasuredTrip, ...]:
    """Return the trips of a list in a file; what was not measured by us is left out."""
    names = [field.name for field in fields(MeasuredTrip)]
    trips = []
    for row in value if isinstance(value, list) else []:
        try:
            table = {name: row[name] for name in names}
            trips.append(from_table(MeasuredTrip, table, "round_trips"))
        except (KeyError, TypeError, ConfigError):
            continue
    return tuple(trips)
