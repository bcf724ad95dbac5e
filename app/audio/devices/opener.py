"""DeviceOpener: opens the requested streams, or the nearest alternative. Sound thread."""

from __future__ import annotations

from collections.abc import Sequence

from app.audio.devices import messages
from app.audio.devices.device_choice import full_name
from app.audio.devices.open_device import OpenDevice
from app.audio.devices.sound_system import (
    FIRST_TWO,
    Device,
    SoundError,
    SoundSystem,
    StreamPlan,
)
from app.audio.devices.state import DeviceRequest
from app.audio.mixer.mixer import Mixer
from app.audio.recording.recorder import InputRecorder


class DeviceOpener:
    """Connects devices with one mixer and one recorder, which adopt their rate and format."""

    def __init__(self, mixer: Mixer, recorder: InputRecorder, system: SoundSystem) -> None:
        self._mixer = mixer
        self._recorder = recorder
        self._system = system
        self._default_rate = mixer.rate
        self._blocks: dict[str, int] = {}
        """By full name, the block sizes of devices that missed blocks with their own."""
        self.request = DeviceRequest()
        self.channels = FIRST_TWO
        """The channels of the input that are recorded."""

    def set_block(self, device: Device, frames: int) -> None:
        """Use blocks of so many frames for a device from now on, unless the player sets a size."""
        self._blocks[full_name(device)] = frames

    def open_first_output(self, devices: Sequence[Device]) -> tuple[OpenDevice | None, str]:
        """Open the first output that works; return it and a message for the player."""
        failures = []
        for device in devices:
            try:
                opened = self._open_at_best_rate(device)
            except SoundError as error:
                failures.append(messages.explain_failed_output(device, error))
                continue
            request = self.request
            message = messages.explain_other_device(request.output, device, "playing through")
            rate_message = messages.explain_other_rate(request.rate, device, self._mixer.rate)
            return opened, message or rate_message
        return None, failures[0] if failures else messages.NO_OUTPUT

    def open_first_input(self, devices: Sequence[Device]) -> tuple[OpenDevice | None, str]:
        """Open the first input that works; return it and a message for the player."""
        message = messages.NO_INPUT
        for device in devices:
            for rate in dict.fromkeys((self._mixer.rate, device.rate)):
                try:
                    opened = self.open_input(device, rate)
                except SoundError as error:
                    message = messages.explain_failed_input(device, error)
                    continue
                return opened, self._explain_input(device)
        return None, message

    def _explain_input(self, device: Device) -> str:
        request = self.request
        message = messages.explain_other_device(request.input, device, "recording from")
        return message or messages.explain_other_channels(request.channels, device, self.channels)

    def _open_at_best_rate(self, device: Device) -> OpenDevice:
        """Open at the requested or the default rate if possible, else at the device's own rate."""
        *better, last = dict.fromkeys((self.request.rate or self._default_rate, device.rate))
        for rate in better:
            try:
                return self.open_output(device, rate)
            except SoundError:
                continue
        return self.open_output(device, last)

    def open_output(self, device: Device, rate: int) -> OpenDevice:
        """Open an output and set the mixer to its rate. Raises SoundError."""
        mixer = self._mixer
        plan = StreamPlan(
            device,
            rate,
            2,
            self._block_of(device),
            mixer.callback_address,
            mixer.memory.address,
            self.request.exclusive,
        )
        stream = self._system.open_output(plan)
        if rate != mixer.rate:
            # Sounds that are playing were resampled for the old rate.
            mixer.stop_all()
            mixer.advance_silently(mixer.rate // 10, 128)
            mixer.set_rate(rate)
        opened = OpenDevice(stream, plan, lambda: mixer.counts().callbacks)
        opened.start()
        return opened

    def open_input(self, device: Device, rate: int) -> OpenDevice:
        """Open an input and set the recorder to its format. Raises SoundError."""
        recorder = self._recorder
        channels = self.channels = self.request.channels.of(device.inputs)
        recorder.set_format(rate, channels.count, skipped=channels.first - 1)
        plan = StreamPlan(
            device,
            rate,
            channels.first - 1 + channels.count,
            self._block_of(device),
            recorder.callback_address,
            recorder.memory_address,
            self.request.exclusive,
        )
        opened = OpenDevice(self._system.open_input(plan), plan, lambda: recorder.callbacks)
        opened.start()
        return opened

    def _block_of(self, device: Device) -> int:
        return self.request.block_frames or self._blocks.get(full_name(device), 0)
