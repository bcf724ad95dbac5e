"""OpenDevice: a device with its running stream, and whether that is still alive. Sound thread."""

from __future__ import annotations

from collections.abc import Callable

from app.audio.devices.device_choice import is_called
from app.audio.devices.missed_blocks import MissedBlocks
from app.audio.devices.sound_system import SoundError, SoundStream, StreamPlan

STALLED_S = 1.0
"""A device without callbacks for this long is considered gone."""
LONGEST_LATENCY_S = 2.0
"""Some sound systems report nonsense; a higher latency is ignored."""


class OpenDevice:
    """A stream that was opened successfully; closed once."""

    def __init__(self, stream: SoundStream, plan: StreamPlan, count: Callable[[], int]) -> None:
        """`count` returns the number of callbacks so far."""
        self.stream = stream
        self.plan = plan
        self.device = plan.device
        self.missed = MissedBlocks()
        self._count = count
        self._last_count = count()
        self._moved_s: float | None = None

    def start(self) -> None:
        """Start the callbacks; on failure close the stream and raise SoundError."""
        try:
            self.stream.start()
        except SoundError:
            self.stream.close()
            raise

    def is_alive(self, now_s: float) -> bool:
        """Return whether there have been callbacks within STALLED_S."""
        count = self._count()
        if count != self._last_count or self._moved_s is None:
            self._last_count = count
            self._moved_s = now_s
        return self.stream.active and now_s - self._moved_s <= STALLED_S

    def latency_ms(self, default_frames: int, rate: int) -> float:
        """Return the stream's latency; `default_frames` as milliseconds if it reports none."""
        latency_s = self.stream.latency_s
        if not 0.0 < latency_s <= LONGEST_LATENCY_S:
            latency_s = default_frames / rate
        return 1000.0 * latency_s


def is_other(opened: OpenDevice | None, requested: str | None) -> bool:
    """Return whether an open device stands in for the requested one."""
    return opened is not None and requested is not None and not is_called(opened.device, requested)
