"""AudioDevices: the thread that owns the sound system.

All scanning, opening and closing happens on it, because some of PortAudio's host APIs (WASAPI)
require a single thread, and because a scan would block the window for too long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from app.audio.devices.keeper import DeviceKeeper
from app.audio.devices.portaudio import PortAudio
from app.audio.devices.sound_system import SoundSystem
from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder

POLL_EVERY_S = 0.1
CLOSE_WITHIN_S = 5.0

log = logging.getLogger(__name__)


class AudioDevices:
    """Keeps the devices open on its own thread, which calls `on_change` with every new state."""

    def __init__(
        self,
        mixer: Mixer,
        recorder: InputRecorder,
        on_change: Callable[[AudioState], None],
        system: SoundSystem | None = None,
    ) -> None:
        """Open nothing yet. `system` is PortAudio by default; tests pass a fake."""
        self._keeper = DeviceKeeper(mixer, recorder, system or PortAudio())
        self._on_change = on_change
        self._state = AudioState(rate=mixer.rate)
        self._requests: list[DeviceRequest] = []
        self._request = DeviceRequest()
        self._measure_requested = False
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> AudioState:
        """What is open now."""
        return self._state

    def open(
        self,
        request: DeviceRequest = DeviceRequest(),  # noqa: B008 - it never changes
        *,
        wait_s: float = 0.0,
    ) -> AudioState:
        """Close the open devices and open the requested ones.

        Return at once; `on_change` receives the result. With `wait_s`, wait for it up to that long
        and return it. The first time on a machine this compiles the kernel, some seconds.
        """
        with self._changed:
            self._request = request
            self._requests.append(self._request)
            if self._thread is None:
                self._stopping = False
                self._thread = threading.Thread(target=self._run, name="sound", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._requests, wait_s)
        return self._state

    def rescan(self, wait_s: float = 0.0) -> AudioState:
        """Rescan the devices and repeat the last request; sound stops for a moment."""
        return self.open(self._request, wait_s=wait_s)

    def measure(self) -> None:
        """Measure the round trip: plays some seconds of clicks, with everything else silent."""
        with self._changed:
            self._measure_requested = True
            self._changed.notify_all()

    def close(self) -> None:
        """Close everything; returns in bounded time, even when a driver hangs."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._stopping = True
            self._changed.notify_all()
        if thread is not None:
            thread.join(CLOSE_WITHIN_S)
            if thread.is_alive():
                log.warning("The sound device did not close within %g s", CLOSE_WITHIN_S)

    # --- the sound thread ---

    def _run(self) -> None:
        try:
            while self._wait():
                self._poll()
        except Exception as error:
            log.exception("The sound thread failed")
            self._publish(AudioState(message=f"Sound stopped ({error}). Start Pingpad again."))
        finally:
            self._keeper.close()
            self._remove_requests(len(self._requests))

    def _wait(self) -> bool:
        """Wait for a request or for the next poll; False when it is time to stop."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._requests or self._measure_requested or self._stopping, POLL_EVERY_S
            )
            return not self._stopping

    def _poll(self) -> None:
        with self._changed:
            requests = list(self._requests)
            measure = self._measure_requested and not requests
            if measure:
                self._measure_requested = False
        if requests:
            self._keeper.choose(requests[-1], time.monotonic())
        elif measure:
            # Publish a state without a result first: an equal result must count as a change too.
            self._publish(replace(self._state, round_trip=None))
            self._keeper.measure(time.monotonic)
        else:
            self._keeper.poll(time.monotonic())
        self._publish(self._keeper.state())
        self._remove_requests(len(requests))

    def _remove_requests(self, count: int) -> None:
        with self._changed:
            del self._requests[:count]
            self._changed.notify_all()

    def _publish(self, state: AudioState) -> None:
        """Report a changed state; a listener's bug must not silence the instrument."""
        if state == self._state:
            return
        self._state = state
        try:
            self._on_change(state)
        except Exception:
            log.exception("A listener failed on %s", state)
