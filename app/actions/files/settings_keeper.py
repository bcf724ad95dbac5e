"""SettingsKeeper: the settings' file follows the session, the models and MIDI. Main thread only."""

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
    """Gives the models and MIDI what was saved, and saves what is set now."""

    def __init__(
        self,
        file: Path,
        settings: Settings,
        session: Session,
        actions: Actions,
        writer: FileWriter,
    ) -> None:
        """`settings` are those that were read; the session has its panel already."""
        self._file = file
        self._settings = settings
        self._session = session
        self._actions = actions
        self._writer = writer
        self._newest = WriteNewest(writer, partial(log.warning, "%s"))
        self._closed = False

    def restore(self) -> None:
        """Choose the model and the MIDI settings of the last time."""
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
        """Write what is set now, soon; the window's place is that of the last time."""
        if not self._closed:
            self._newest.write(self._work(self._settings.window_geometry))

    def close(self, window_geometry: str) -> None:
        """Write what is set now, and save no more."""
        self._closed = True
        self._writer.write(self._work(window_geometry), lambda sentence: None)

    def _work(self, window_geometry: str) -> Callable[[], None]:
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
