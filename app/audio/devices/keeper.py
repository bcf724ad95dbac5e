"""DeviceKeeper: keeps an output and an input open, and reopens them when they come back.

Not a thread itself: `app.audio.devices.audio_devices` calls `poll` a few times a second, always
from the same thread, because a sound system may require that.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from app.audio.devices import messages
from app.audio.devices.device_choice import (
    EXCLUSIVE_HOSTS,
    SERVED_HOSTS,
    full_name,
    is_called,
    list_names,
    rank_inputs,
    rank_outputs,
)
from app.audio.devices.known_round_trips import KnownRoundTrips
from app.audio.devices.missed_blocks import next_longer
from app.audio.devices.open_device import OpenDevice, is_other
from app.audio.devices.opener import DeviceOpener
from app.audio.devices.round_trip import RoundTrip, find_round_trip, make_clicks
from app.audio.devices.sound_system import (
    FIRST_TWO,
    Device,
    SoundError,
    SoundSystem,
    SoundSystemMissing,
    StreamPlan,
)
from app.audio.devices.state import AudioState, DeviceRequest
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder

RETRY_S = 2.0
PEEK_EVERY_S = 10.0
"""Interval of looking for a missing device while another plays, which starts a process."""
DRAIN_S = 0.1
"""Longer than the mixer's fade-out."""
SILENT_BLOCK_FRAMES = 512

log = logging.getLogger(__name__)


class DeviceKeeper:
    """Opens and watches the devices of one mixer and one recorder."""

    def __init__(self, mixer: Mixer, recorder: InputRecorder, system: SoundSystem) -> None:
        self._mixer = mixer
        self._recorder = recorder
        self._system = system
        self._opener = DeviceOpener(mixer, recorder, system)
        self._output: OpenDevice | None = None
        self._input: OpenDevice | None = None
        self._output_message = ""
        self._input_message = ""
        self._output_names: tuple[str, ...] = ()
        self._input_names: tuple[str, ...] = ()
        self._exclusive_offered = False
        self._known = KnownRoundTrips()
        self._failed_trip: RoundTrip | None = None
        self._next_try_s = 0.0
        self._next_peek_s = 0.0
        self._missing = False
        self._silent_since_s: float | None = None

    def choose(self, request: DeviceRequest, now_s: float) -> None:
        """Close the open devices and open the requested ones, now."""
        self._close_devices()
        self._failed_trip = None
        self._opener.request = request
        # Trips measured in this session are newer than those of the request.
        self._known.trips = self._known.trips or request.round_trips
        self._next_try_s = now_s
        self._next_peek_s = now_s + PEEK_EVERY_S
        self.poll(now_s)

    def poll(self, now_s: float) -> None:
        """Drop dead devices, open available ones, advance the clock while there is no output."""
        self._drop_dead_devices(now_s)
        if self._output is None and now_s >= self._next_try_s and not self._is_input_busy():
            self._next_try_s = now_s + RETRY_S
            self._open_all()
        elif self._output is not None and now_s >= self._next_peek_s and self._lacks_a_device():
            self._look_for_missing(now_s)
        self._follow_missed_blocks(now_s)
        self._advance_without_output(now_s)

    def state(self) -> AudioState:
        """Return the state of the open devices."""
        output, source = self._output, self._input
        state = AudioState(
            output_name=output.device.name if output else None,
            input_name=source.device.name if source else None,
            rate=self._mixer.rate,
            message=self._output_message or self._input_message,
            outputs=self._output_names,
            inputs=self._input_names,
            input_channels=source.device.inputs if source else 0,
            channels=self._opener.channels if source else FIRST_TWO,
            round_trip=self._find_round_trip(),
            round_trips=self._known.trips,
            realtime=output.stream.realtime if output else True,
            exclusive=self._exclusive_offered,
        )
        return self._add_latencies(state, output, source) if output else state

    def _add_latencies(
        self, state: AudioState, output: OpenDevice, source: OpenDevice | None
    ) -> AudioState:
        block, rate = self._mixer.block_frames, self._mixer.rate
        look_ahead_ms = 1000.0 * self._mixer.latency_frames / rate
        output_ms = output.latency_ms(2 * block, rate) + look_ahead_ms
        # PortAudio's JACK host reports no input latency; it is one block.
        input_ms = source.latency_ms(block, rate) if source else 0.0
        trip_ms = output_ms + input_ms
        if state.round_trip is not None and not state.round_trip.error:
            trip_ms = look_ahead_ms + state.round_trip.milliseconds
        return replace(state, block_frames=block, latency_ms=output_ms, round_trip_ms=trip_ms)

    def close(self) -> None:
        """Close the streams and shut the sound system down."""
        self._close_devices()
        self._system.shut()

    # --- measuring ---

    def measure(self, now_s: Callable[[], float]) -> None:
        """Measure the round trip by clicks, with the streams closed and reopened afterwards."""
        output, source = self._output, self._input
        if output is None or source is None:
            self._failed_trip = RoundTrip(error="This needs a sound output and an input.")
            return
        block_frames = max(self._mixer.block_frames, 1)
        self._close_devices()
        trip = self._measure_closed(output.plan, source.plan)
        # Drop hits queued meanwhile. Advance by whole blocks so the block size stays valid.
        self._mixer.stop_all()
        blocks = math.ceil(DRAIN_S * self._mixer.rate / block_frames)
        self._mixer.advance_silently(blocks * block_frames, block_frames)
        self.choose(self._opener.request, now_s())
        if trip.error:
            self._failed_trip = trip
        else:
            self._known.add(output.plan, source.plan, block_frames, trip)

    def _measure_closed(self, output: StreamPlan, source: StreamPlan) -> RoundTrip:
        clicks = make_clicks(output.rate)
        try:
            return find_round_trip(self._system.loop_back(output, source, clicks), output.rate)
        except SoundError as error:
            return RoundTrip(error=f"Output and input could not be opened together ({error}).")

    def _find_round_trip(self) -> RoundTrip | None:
        """Return the known round trip of the open devices, or the failed measurement."""
        output, source = self._output, self._input
        if self._failed_trip is not None or output is None or source is None:
            return self._failed_trip
        return self._known.find(output.plan, source.plan, self._mixer.block_frames)

    # --- opening ---

    def _open_all(self) -> None:
        self._close_devices()
        if self._missing:
            return
        try:
            devices = self._system.scan()
        except SoundSystemMissing:
            self._missing = True
            self._output_message = messages.NO_SYSTEM
            return
        except SoundError as error:
            self._output_message = messages.explain_failed_scan(error)
            return
        self._output_names = list_names([device for device in devices if device.outputs])
        self._input_names = list_names(_inputs_among(devices))
        self._exclusive_offered = any(device.host in EXCLUSIVE_HOSTS for device in devices)
        opener, request = self._opener, self._opener.request
        self._output, self._output_message = opener.open_first_output(
            rank_outputs(devices, request.output)
        )
        if self._output is not None:
            self._input, self._input_message = opener.open_first_input(
                rank_inputs(devices, request.input, self._output.device)
            )

    def _open_again(self, output: OpenDevice, source: OpenDevice | None, now_s: float) -> None:
        """Close and reopen the same devices without a scan, which would take a second."""
        self._close_devices()
        self._next_try_s = now_s
        try:
            self._output = self._opener.open_output(output.device, output.plan.rate)
            if source is not None:
                self._input = self._opener.open_input(source.device, source.plan.rate)
        except SoundError as error:
            log.info("Cannot reopen %s or its input: %s", output.device.name, error)

    def _close_devices(self) -> None:
        for opened in (self._input, self._output):
            if opened is not None:
                opened.stream.close()
        self._input = None
        self._output = None

    # --- watching ---

    def _is_input_busy(self) -> bool:
        """Return whether a take is being recorded, which a scan would cut off."""
        return self._input is not None and self._recorder.recording

    def _lacks_a_device(self) -> bool:
        """Return whether there is no input, or a device stands in for a requested one."""
        request = self._opener.request
        if self._input is None:
            return True
        return is_other(self._output, request.output) or is_other(self._input, request.input)

    def _look_for_missing(self, now_s: float) -> None:
        """Reopen everything if a missing device is back, at a moment when nothing plays."""
        quiet = all(self._mixer.playing(pad) is None for pad in range(self._mixer.pads))
        if not quiet or self._is_input_busy():
            return
        self._next_peek_s = now_s + PEEK_EVERY_S
        if self._is_back(self._system.peek()):
            self._open_all()

    def _is_back(self, devices: Sequence[Device]) -> bool:
        """Return whether a missing device is among the present ones."""
        request, inputs = self._opener.request, _inputs_among(devices)
        if self._input is None and set(list_names(inputs)) - set(self._input_names):
            return True
        if is_other(self._output, request.output) and any(
            device.outputs and is_called(device, request.output) for device in devices
        ):
            return True
        return is_other(self._input, request.input) and any(
            is_called(device, request.input) for device in inputs
        )

    def _drop_dead_devices(self, now_s: float) -> None:
        if self._output is not None and not self._output.is_alive(now_s):
            self._output_message = messages.explain_lost_output(self._output.device.name)
            self._output.stream.close()
            self._output = None
            self._next_try_s = now_s
        if self._input is not None and not self._input.is_alive(now_s):
            name = self._input.device.name
            self._input_message = messages.explain_lost_input(name)
            gone = (name, full_name(self._input.device))
            self._input_names = tuple(n for n in self._input_names if n not in gone)
            self._input.stream.close()
            self._input = None
            self._recorder.interrupt()

    def _follow_missed_blocks(self, now_s: float) -> None:
        """Reopen an output that keeps missing blocks with longer ones, unless the size is set."""
        output = self._output
        if output is None or self._opener.request.block_frames:
            return
        served = output.device.host in SERVED_HOSTS
        if served or not output.missed.are_many(self._mixer.counts().underflows, now_s):
            return
        longer = next_longer(self._mixer.block_frames)
        if longer is None or self._is_input_busy():
            return
        log.info("%s misses blocks; its block is now %d frames", output.device.name, longer)
        self._opener.set_block(output.device, longer)
        self._open_again(output, self._input, now_s)

    def _advance_without_output(self, now_s: float) -> None:
        """Advance the mixer's clock without a device, so that hits do not pile up meanwhile."""
        if self._output is not None:
            self._silent_since_s = None
            return
        since_s = self._silent_since_s if self._silent_since_s is not None else now_s
        self._silent_since_s = now_s
        frames = max(round(min(now_s - since_s, 1.0) * self._mixer.rate), 1)
        self._mixer.advance_silently(frames, SILENT_BLOCK_FRAMES)


def _inputs_among(devices: Sequence[Device]) -> list[Device]:
    return [device for device in devices if device.inputs]
