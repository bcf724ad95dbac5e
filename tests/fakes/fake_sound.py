"""Doubles of the sound card and of the recorder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from app.audio.device_keeper import AudioState, Wish
from app.audio.mixer import Mixer
from app.audio.recorder import Recorder
from engine.clip import Clip

PLUGGED_IN = AudioState(output_name="Speakers", input_name="Microphone", message="")
NO_CARD = AudioState(message="There is no sound card. Plug one in; Pingpad finds it.")


class FakeDevices:
    """A sound card that a test plugs in and pulls out."""

    def __init__(
        self, mixer: Mixer, recorder: Recorder, on_change: Callable[[AudioState], None]
    ) -> None:
        self._mixer = mixer
        self._on_change = on_change
        self.is_open = False
        self.wished = Wish()

    def open(self, wish: Wish) -> AudioState:
        self.is_open = True
        self.wished = wish
        self._on_change(PLUGGED_IN)
        return PLUGGED_IN

    def close(self) -> None:
        self.is_open = False

    def pull_out(self) -> None:
        self._on_change(NO_CARD)

    def plug_in(self, rate: int = 48_000) -> None:
        if rate != self._mixer.rate:
            self._mixer.set_rate(rate)
        self._on_change(replace(PLUGGED_IN, rate=rate))


class FakeRecorder:
    """Gives what the test put in."""

    def __init__(self) -> None:
        self.coming: Clip | None = None
        self.running = False

    def start(self) -> None:
        assert not self.running
        self.running = True

    def stop(self) -> Clip | None:
        assert self.running
        self.running = False
        return self.coming
