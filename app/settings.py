"""Settings and folders: what Pingpad remembers between two starts, and where. Any thread."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_type_hints

import platformdirs

from engine.files.atomic import write_json

HOME_VARIABLE = "PINGPAD_HOME"
"""An environment variable: a folder to use for everything (tests, a memory stick)."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Pingpad keeps its files. They need not exist yet."""

    config: Path
    data: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The settings."""
        return self.config / "settings.json"

    @property
    def takes(self) -> Path:
        """Every take ever made: WAV and JSON."""
        return self.data / "takes"

    @property
    def performances(self) -> Path:
        """What was recorded of all that was played."""
        return self.data / "performances"

    @property
    def models(self) -> Path:
        """The models that were added."""
        return self.data / "models"


def find_folders(environment: Mapping[str, str] | None = None) -> Folders:
    """Return this user's folders; PINGPAD_HOME replaces them all."""
    home = (os.environ if environment is None else environment).get(HOME_VARIABLE)
    if home:
        root = Path(home).expanduser().absolute()
        return Folders(root / "config", root / "data", root / "logs")
    user = platformdirs.PlatformDirs("Pingpad", appauthor=False)
    return Folders(user.user_config_path, user.user_data_path, user.user_log_path)


@dataclass(frozen=True, slots=True)
class MeasuredTrip:
    """How long a sound took out and back in, and with what: devices by their full names."""

    output: str
    input: str
    rate: int
    block_frames: int
    milliseconds: float
    spread_ms: float
    """From the earliest to the latest click."""
    heard: int
    """How many clicks came back."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is remembered. Every field has a default: an older file lacks the newer ones."""

    window_geometry: str = ""
    """QWidget.saveGeometry() as hexadecimal digits; "" = let the desktop choose."""
    output: str | None = None
    """Name of the sound output; None = the system's."""
    input: str | None = None
    """Name of the sound input; None = the system's."""
    input_channels: str = ""
    """Which of its channels are recorded, "3" or "3+4"; "" = the first two."""
    block_frames: int = 0
    """0 = as the device likes."""
    rate: int = 0
    """Hz; 0 = the usual one."""
    exclusive: bool = False
    """The devices for Pingpad alone."""
    round_trips: tuple[MeasuredTrip, ...] = ()
    """What the wizard measured, the newest last."""
    prompt: str = ""
    seconds: float = 1.0
    length_unit: Literal["seconds", "bars"] = "seconds"
    bars: int = 1
    bpm: float = 120.0
    strength: float = 0.7
    hear_recordings: bool = True
    record_from: Literal["input", "played"] = "input"
    record_start: Literal["now", "sound", "beat", "bar", "four_bars"] = "now"
    record_bars: int = 0
    record_threshold_db: float = -30.0
    count_in: bool = False
    swap_at: Literal["now", "beat", "bar", "four_bars"] = "now"
    play_at_once: bool = False
    steps: int = 8
    seed: int | None = None
    model: str = ""
    """Folder of the model in use, among those that were added; "" = the embedded one."""
    master_gain_db: float = 0.0
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
        return _set_aside(path, (error.strerror or str(error)).lower())
    except UnicodeDecodeError:
        return _set_aside(path, "it is not a text")
    try:
        return ReadSettings(_parse(text))
    except ValueError as error:
        return _set_aside(path, str(error))


def write_settings(path: Path, settings: Settings) -> None:
    """Write the settings so that a crash leaves the old or the new file whole. Raises OSError."""
    write_json(path, asdict(settings))


def _set_aside(path: Path, why: str) -> ReadSettings:
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
    for field in fields(Settings):
        if field.name in data:
            known[field.name] = _checked(field.name, data[field.name], hints[field.name])
    return Settings(**known)


def _measured_trips(value: object) -> tuple[MeasuredTrip, ...]:
    """Return the trips of a list in a file; what was not measured by us is left out."""
    hints = get_type_hints(MeasuredTrip)
    trips = []
    for row in value if isinstance(value, list) else []:
        try:
            given = {name: _checked(name, row[name], hint) for name, hint in hints.items()}
        except (KeyError, TypeError, ValueError):
            continue
        trips.append(MeasuredTrip(**cast("dict[str, Any]", given)))
    return tuple(trips)


def _checked(name: str, value: object, hint: object) -> object:
    if name == "round_trips":
        return _measured_trips(value)
    if isinstance(value, int) and not isinstance(value, bool) and hint is float:
        return float(value)
    choices = get_args(hint)
    if any(isinstance(choice, str) for choice in choices):
        fits = value in choices
    elif isinstance(value, bool):
        fits = hint is bool
    else:
        fits = any(isinstance(value, kind) for kind in choices or (hint,) if isinstance(kind, type))
    if not fits:
        raise ValueError(f"{name} cannot be {value!r}")
    return value
