"""Settings: the saved settings, in settings.json. Any thread."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from app.audio.devices.state import MeasuredTrip
from app.model.panel import NOT_SAVED, PanelSettings
from engine.files.atomic import write_json
from engine.files.strict import ConfigError, convert_value, from_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(PanelSettings):
    """The saved settings. Every field has a default, because an older file lacks newer ones."""

    window_geometry: str = ""
    """QWidget.saveGeometry() as hexadecimal digits; "" = let the desktop choose."""
    model: str = ""
    """Folder name of the model in use, if it was added; "" = the embedded one."""
    midi_channel: int = 0
    """1..16; 0 listens to all."""
    pad_map: str = "chromatic"
    """Name of the pads' note map."""
    midi_lights: str = "automatic"
    """"automatic", "off", or the name of a port whose pads show a velocity."""
    clock_from: str = ""
    """Name of the MIDI port whose clock is followed; "" = none."""
    clock_to: str = ""
    """Name of the MIDI port to send clock to; "" = none."""


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Settings as read, and a notice for the player if something was wrong, else ""."""

    settings: Settings
    notice: str = ""


def read_settings(path: Path) -> ReadSettings:
    """Read the settings; a damaged file is quarantined and the defaults are used.

    Never raises, because the instrument has to open without settings too.
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
    """Write the settings atomically. Raises OSError."""
    values = asdict(settings)
    write_json(path, {name: value for name, value in values.items() if name not in NOT_SAVED})


def _quarantine(path: Path, why: str) -> ReadSettings:
    quarantined = next(
        name
        for number in itertools.count(1)
        if not (name := path.with_name(f"{path.name}.damaged-{number}")).exists()
    )
    try:
        path.replace(quarantined)
    except OSError:
        return ReadSettings(Settings(), f"The settings could not be read ({why}).")
    return ReadSettings(
        Settings(),
        f"The settings file was damaged ({why}); it was put aside as {quarantined.name} "
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
            known[name] = convert_value(data[name], hints[name], name)
    return Settings(**known).clamp()


def _read_trips(value: object) -> tuple[MeasuredTrip, ...]:
    """Return the round trips of a list; invalid entries are skipped."""
    names = [field.name for field in fields(MeasuredTrip)]
    trips = []
    for row in value if isinstance(value, list) else []:
        try:
            table = {name: row[name] for name in names}
            trips.append(from_table(MeasuredTrip, table, "round_trips"))
        except (KeyError, TypeError, ConfigError):
            continue
    return tuple(trips)
