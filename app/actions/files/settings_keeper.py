"""SettingsKeeper: restores the settings of models and MIDI, and saves all. Main thread only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from app.actions.actions import Actions
from app.actions.midi.setup import MidiChoices
from app.model.panel import PanelSettings
from app.model.session import Session
from app.model.storage.settings_file import Settings, write_settings
from app.threads.file_writer import FileWriter, WriteNewest

log = logging.getLogger(__name__)


class SettingsKeeper:
    """Restores the saved model and MIDI choices, and saves the current settings."""

    def __init__(
        self,
        file: Path,
        settings: Settings,
        session: Session,
        actions: Actions,
        writer: FileWriter,
    ) -> None:
        """`settings` are those that were read; the session's panel is already restored."""
        self._file = file
        self._settings = settings
        self._session = session
        self._actions = actions
        self._writer = writer
        self._newest = WriteNewest(writer, partial(log.warning, "%s"))
        self._closed = False

    def restore(self) -> None:
        """Choose the saved model and MIDI settings."""
        settings = self._settings
        self._actions.models.restore(settings.model)
        self._actions.midi.setup.choose(
            MidiChoices(
                channel=settings.midi_channel,
                pad_map=settings.pad_map,
                lights=settings.midi_lights,
                clock_from=settings.clock_from,
                clock_to=settings.clock_to,
            )
        )

    def save(self) -> None:
        """Write the current settings soon, with the last session's window geometry."""
        if not self._closed:
            self._newest.write(self._make_write(self._settings.window_geometry))

    def close(self, window_geometry: str) -> None:
        """Write the current settings a last time."""
        self._closed = True
        self._writer.write(self._make_write(window_geometry), lambda sentence: None)

    def _make_write(self, window_geometry: str) -> Callable[[], None]:
        panel, midi = self._session.panel, self._actions.midi.setup.choices
        settings = replace(
            self._settings,
            **{field.name: getattr(panel, field.name) for field in fields(PanelSettings)},
            window_geometry=window_geometry,
            model=self._actions.models.saved_name,
            midi_channel=midi.channel,
            pad_map=midi.pad_map,
            midi_lights=midi.lights,
            clock_from=midi.clock_from,
            clock_to=midi.clock_to,
        )
        file = self._file
        return lambda: write_settings(file, settings)
