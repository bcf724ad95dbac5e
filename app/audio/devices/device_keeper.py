"""Keeps an output and an input open: finds them, notices when they go, opens them again.

Not a thread itself: `app.audio.devices.stream.AudioDevices` calls `poll` a few times a second,
always from the same thread, because a sound system may insist on that.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace

from app.audio.devices.loopback import RoundTrip, find_round_trip, make_clicks
from app.audio.devices.missed_blocks import MissedBlocks, next_longer
from app.audio.devices.sound_system import (
    EXCLUSIVE_HOSTS,
    FIRST_TWO,
    SERVED_HOSTS,
    Device,
    SoundError,
    SoundStream,
    SoundSystem,
    SoundSystemMissing,
    StreamPlan,
    full_name,
    inputs_to_try,
    is_called,
    names_of,
    outputs_to_try,
)
from app.audio.devices.state import AudioState, DeviceRequest, MeasuredTrip
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder

RETRY_S = 2.0
PEEK_EVERY_S = 10.0
"""Looking for a device while another plays takes another process: not too often."""
STALLED_S = 1.0
"""A device whose callbacks stand still this long is taken to be gone."""
LONGEST_LATENCY_S = 2.0
"""Some sound systems report nonsense; above this an output is taken for two blocks."""

MOST_MEASURED = 32
"""Round trips that are remembered: more than anybody's devices in all their blocks and rates."""

AGAIN = "Pingpad looks again every two seconds."
NO_OUTPUT = f"No sound output found. Plug one in or start JACK; {AGAIN}"
NO_INPUT = "No microphone found: pads play, Record does not. Plug one in; Pingpad finds it."
NO_SYSTEM = (
    "Sound needs PortAudio, which is not installed. On Debian and Ubuntu: sudo apt install "
    "libportaudio2. Then start Pingpad again."
)


log = logging.getLogger(__name__)


class _Line:
    """An open stream, its device and when its callbacks last moved."""

    def __init__(self, stream: SoundStream, plan: StreamPlan, count: Callable[[], int]) -> None:
        self.stream = stream
        self.plan = plan
        self.device = plan.device
        self._count = count
        self._seen = count()
        self._moved_s: float | None = None
        self.missed = MissedBlocks()

    def alive(self, now_s: float) -> bool:
        """Whether callbacks came lately."""
        seen = self._count()
        if seen != self._seen or self._moved_s is None:
            self._seen = seen
            self._moved_s = now_s
        return self.stream.active and now_s - self._moved_s <= STALLED_S


class DeviceKeeper:
    """Opens and watches the devices of one mixer and one recorder."""

    def __init__(self, mixer: Mixer, recorder: InputRecorder, system: SoundSystem) -> None:
        self._mixer = mixer
        self._recorder = recorder
        self._system = system
        self._request = DeviceRequest()
        self._default_rate = mixer.rate
        self._output: _Line | None = None
        self._input: _Line | None = None
        self._output_message = ""
        self._input_message = ""
        self._names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._exclusive_offered = False
        self._measured: tuple[MeasuredTrip, ...] = ()
        self._failed_loop: RoundTrip | None = None
        self._channels = FIRST_TWO
        self._blocks: dict[str, int] = {}
        """By full name, the blocks of devices that did not keep up with their own."""
        self._next_try_s = 0.0
        self._next_peek_s = 0.0
        self._missing = False
        self._silent_since_s: float | None = None

    def choose(self, request: DeviceRequest, now_s: float) -> None:
        """Close what is open and open what is asked for, now."""
        self._close_lines()
        self._failed_loop = None
        self._request = request
        # What was measured meanwhile is newer.
        self._measured = self._measured or request.measured
        self._next_try_s = now_s
        self._next_peek_s = now_s + PEEK_EVERY_S
        self.poll(now_s)

    def poll(self, now_s: float) -> None:
        """Notice what went, open what came, and keep time while nothing plays."""
        self._drop_dead_lines(now_s)
        if self._output is None and now_s >= self._next_try_s and not self._busy_recording():
            self._next_try_s = now_s + RETRY_S
            self._open_all()
        elif self._output is not None and now_s >= self._next_peek_s and self._misses_one():
            self._look_for_missing(now_s)
        self._follow_misses(now_s)
        self._rest(now_s)

    def state(self) -> AudioState:
        """Return what is open now."""
        output, source = self._output, self._input
        state = AudioState(
            output_name=output.device.name if output else None,
            input_name=source.device.name if source else None,
            rate=self._mixer.rate,
            message=self._output_message or self._input_message,
            outputs=self._names[0],
            inputs=self._names[1],
            input_channels=source.device.inputs if source else 0,
            channels=self._channels if source else FIRST_TWO,
            loop=self._loop(),
            measured=self._measured,
            realtime=output.stream.realtime if output else True,
            exclusive=self._exclusive_offered,
        )
        if output is None:
            return state
        block = self._mixer.block_frames
        out_ms = self._latency_ms(output, 2 * block) + self._look_ahead_ms
        # PortAudio's JACK knows no latency of inputs; it is one block.
        in_ms = self._latency_ms(source, block) if source else 0.0
        loop = state.loop
        if loop is not None and not loop.trouble:
            there_ms = self._look_ahead_ms + loop.milliseconds
        else:
            there_ms = out_ms + in_ms
        return replace(state, block_frames=block, latency_ms=out_ms, round_trip_ms=there_ms)

    def close(self) -> None:
        """Close the streams and let the sound system go."""
        self._close_lines()
        self._system.shut()

    # --- measuring ---

    def measure(self, now_s: Callable[[], float]) -> None:
        """Play clicks and find them in the input; everything is closed meanwhile."""
        output, source = self._output, self._input
        if output is None or source is None:
            self._failed_loop = RoundTrip(trouble="This needs a sound output and an input.")
            return
        played, heard = output.plan, source.plan
        block_frames = max(self._mixer.block_frames, 1)
        self._close_lines()
        try:
            clicks = make_clicks(played.rate)
            loop = find_round_trip(self._system.loop_back(played, heard, clicks), played.rate)
        except SoundError as error:
            loop = RoundTrip(trouble=f"Output and input could not be opened together ({error}).")
        # What was hit meanwhile is not to sound now; in whole blocks, so that the block is known.
        self._mixer.stop_all()
        blocks = math.ceil(0.1 * self._mixer.rate / block_frames)
        self._mixer.advance_silently(blocks * block_frames, block_frames)
        self.choose(self._request, now_s())
        if loop.trouble:
            self._failed_loop = loop
        else:
            self._remember(_trip(played, heard, block_frames, loop))

    def _remember(self, trip: MeasuredTrip) -> None:
        others = [other for other in self._measured if _way(other) != _way(trip)]
        self._measured = (*others, trip)[-MOST_MEASURED:]

    def _loop(self) -> RoundTrip | None:
        """What is known of the round trip with what is open."""
        output, source = self._output, self._input
        if self._failed_loop is not None or output is None or source is None:
            return self._failed_loop
        here = _trip(output.plan, source.plan, self._mixer.block_frames, RoundTrip())
        known = next((trip for trip in self._measured if _way(trip) == _way(here)), None)
        if known is None:
            return None
        return RoundTrip(known.milliseconds, known.spread_ms, known.heard)

    # --- opening ---

    def _open_all(self) -> None:
        self._close_lines()
        if self._missing:
            return
        try:
            devices = self._system.scan()
        except SoundSystemMissing:
            self._missing = True
            self._output_message = NO_SYSTEM
            return
        except SoundError as error:
            self._output_message = f"The sound system does not answer ({error}). {AGAIN}"
            return
        self._names = (
            names_of([device for device in devices if device.outputs]),
            names_of([device for device in devices if device.inputs]),
        )
        self._exclusive_offered = any(device.host in EXCLUSIVE_HOSTS for device in devices)
        self._open_output(outputs_to_try(devices, self._request.output))
        if self._output is not None:
            self._open_input(inputs_to_try(devices, self._request.input, self._output.device))

    def _open_output(self, devices: list[Device]) -> None:
        failures = []
        for device in devices:
            try:
                self._output = self._output_line(device)
            except SoundError as error:
                failures.append(f"{device.name} could not be opened ({error})")
                continue
            self._output_message = _about_request(
                self._request.output, device, "playing through"
            ) or self._about_rate(device)
            return
        self._output_message = (
            f"{failures[0]}. Close other programs that use it; {AGAIN}" if failures else NO_OUTPUT
        )

    def _output_line(self, device: Device) -> _Line:
        """Open at the requested or the default rate if the device can, else at the device's own."""
        *better, last = dict.fromkeys((self._request.rate or self._default_rate, device.rate))
        for rate in better:
            try:
                return self._started_output(device, rate)
            except SoundError:
                continue
        return self._started_output(device, last)

    def _about_rate(self, device: Device) -> str:
        wanted, rate = self._request.rate, self._mixer.rate
        if wanted in (0, rate):
            return ""
        return f"{device.name} cannot do {wanted / 1000:g} kHz: playing at {rate / 1000:g} kHz."

    def _started_output(self, device: Device, rate: int) -> _Line:
        mixer = self._mixer
        plan = StreamPlan(
            device,
            rate,
            2,
            self._block_of(device),
            mixer.callback_address,
            mixer.memory.address,
            self._request.exclusive,
        )
        stream = self._system.open_output(plan)
        try:
            if rate != mixer.rate:
                # What plays was made for the old rate.
                mixer.stop_all()
                mixer.advance_silently(mixer.rate // 10, 128)
                mixer.set_rate(rate)
            line = _Line(stream, plan, lambda: mixer.counts().callbacks)
            stream.start()
        except SoundError:
            stream.close()
            raise
        return line

    def _open_input(self, devices: list[Device]) -> None:
        self._input_message = NO_INPUT
        for device in devices:
            for rate in dict.fromkeys((self._mixer.rate, device.rate)):
                try:
                    self._input = self._started_input(device, rate)
                except SoundError as error:
                    self._input_message = (
                        f"The microphone {device.name} could not be opened ({error}): pads play, "
                        "Record does not. Close other programs that use it, then choose it again."
                    )
                    continue
                self._input_message = _about_request(
                    self._request.input, device, "recording from"
                ) or self._about_channels(device)
                return

    def _started_input(self, device: Device, rate: int) -> _Line:
        recorder = self._recorder
        channels = self._channels = self._request.channels.of(device.inputs)
        recorder.set_format(rate, channels.count, skipped=channels.first - 1)
        plan = StreamPlan(
            device,
            rate,
            channels.first - 1 + channels.count,
            self._block_of(device),
            recorder.callback_address,
            recorder.memory_address,
            self._request.exclusive,
        )
        stream = self._system.open_input(plan)
        try:
            line = _Line(stream, plan, lambda: recorder.callbacks)
            stream.start()
        except SoundError:
            stream.close()
            raise
        return line

    def _block_of(self, device: Device) -> int:
        return self._request.block_frames or self._blocks.get(full_name(device), 0)

    def _about_channels(self, device: Device) -> str:
        wanted = self._request.channels
        if not wanted.count or wanted == self._channels:
            return ""
        return f"{device.name} has no input {wanted}: recording from {self._channels}."

    # --- watching ---

    def _busy_recording(self) -> bool:
        """A scan would cut a take that still comes in: it waits for the take's end."""
        return self._input is not None and self._recorder.recording

    def _misses_one(self) -> bool:
        """No microphone, or not the devices that were asked for."""
        request, output, source = self._request, self._output, self._input
        return (
            source is None or _is_other(output, request.output) or _is_other(source, request.input)
        )

    def _look_for_missing(self, now_s: float) -> None:
        """When it is there, open everything anew, in a moment when nothing plays."""
        quiet = all(self._mixer.playing(pad) is None for pad in range(self._mixer.pads))
        if not quiet or self._busy_recording():
            return
        self._next_peek_s = now_s + PEEK_EVERY_S
        request, devices = self._request, self._system.peek()
        inputs = [device for device in devices if device.inputs]
        back = (
            (self._input is None and set(names_of(inputs)) - set(self._names[1]))
            or (
                _is_other(self._output, request.output)
                and any(device.outputs and is_called(device, request.output) for device in devices)
            )
            or (
                _is_other(self._input, request.input)
                and any(is_called(device, request.input) for device in inputs)
            )
        )
        if back:
            self._open_all()

    def _drop_dead_lines(self, now_s: float) -> None:
        if self._output is not None and not self._output.alive(now_s):
            name = self._output.device.name
            self._output_message = f"The sound output {name} is gone. Plug it in again; {AGAIN}"
            self._output.stream.close()
            self._output = None
            self._next_try_s = now_s
        if self._input is not None and not self._input.alive(now_s):
            name = self._input.device.name
            self._input_message = f"The microphone {name} is gone. Plug it in; Pingpad finds it."
            gone = (name, full_name(self._input.device))
            self._names = (self._names[0], tuple(n for n in self._names[1] if n not in gone))
            self._input.stream.close()
            self._input = None
            self._recorder.interrupt()

    def _follow_misses(self, now_s: float) -> None:
        """Open an output that misses block after block with longer ones, if the choice is ours."""
        output = self._output
        if output is None or self._request.block_frames or output.device.host in SERVED_HOSTS:
            return
        if not output.missed.are_many(self._mixer.counts().underflows, now_s):
            return
        longer = next_longer(self._mixer.block_frames)
        if longer is None or self._busy_recording():
            return
        log.info("%s misses blocks: it gets %d frames", output.device.name, longer)
        self._blocks[full_name(output.device)] = longer
        self._open_again(output, self._input, now_s)

    def _open_again(self, output: _Line, source: _Line | None, now_s: float) -> None:
        """Close and open the same devices, without looking for others: that takes a second."""
        self._close_lines()
        self._next_try_s = now_s
        try:
            self._output = self._started_output(output.device, output.plan.rate)
            if source is not None:
                self._input = self._started_input(source.device, source.plan.rate)
        except SoundError as error:
            log.info("%s or its input was not opened again: %s", output.device.name, error)

    def _rest(self, now_s: float) -> None:
        """With no output the mixer plays to nobody, so that no hit waits for a device to come."""
        if self._output is not None:
            self._silent_since_s = None
            return
        since_s = self._silent_since_s if self._silent_since_s is not None else now_s
        self._silent_since_s = now_s
        frames = max(round(min(now_s - since_s, 1.0) * self._mixer.rate), 1)
        self._mixer.advance_silently(frames, 512)

    def _close_lines(self) -> None:
        for line in (self._input, self._output):
            if line is not None:
                line.stream.close()
        self._input = None
        self._output = None

    def _latency_ms(self, line: _Line, frames: int) -> float:
        """Return a stream's latency; if it tells none, that of so many frames."""
        latency_s = line.stream.latency_s
        if not 0.0 < latency_s <= LONGEST_LATENCY_S:
            latency_s = frames / self._mixer.rate
        return 1000.0 * latency_s

    @property
    def _look_ahead_ms(self) -> float:
        return 1000.0 * self._mixer.latency_frames / self._mixer.rate


def _trip(
    output: StreamPlan, source: StreamPlan, block_frames: int, loop: RoundTrip
) -> MeasuredTrip:
    return MeasuredTrip(
        full_name(output.device),
        full_name(source.device),
        output.rate,
        block_frames,
        loop.milliseconds,
        loop.spread_ms,
        loop.heard,
    )


def _way(trip: MeasuredTrip) -> tuple[object, ...]:
    """Return what a round trip belongs to."""
    return (trip.output, trip.input, trip.rate, trip.block_frames)


def _about_request(wanted: str | None, device: Device, doing: str) -> str:
    if wanted is None or is_called(device, wanted):
        return ""
    return f"{wanted} is not there: {doing} {device.name} until it is back."


def _is_other(line: _Line | None, wanted: str | None) -> bool:
    return line is not None and wanted is not None and not is_called(line.device, wanted)
