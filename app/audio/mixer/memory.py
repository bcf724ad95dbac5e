"""MixerMemory: the record that the output callback works on, and views of its parts. Any thread."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from app.audio.kernel import layout


class MixerMemory:
    """Each view is a numpy record of `app.audio.kernel.layout`, which documents who writes it."""

    def __init__(self) -> None:
        self._mix = np.zeros(1, layout.MIX)
        self._mix.view(np.uint8).fill(0)  # touched now: no page fault in the first callback
        self._order = threading.Lock()
        mix: Any = self._mix[0]
        self.control: Any = mix["control"]
        self.status: Any = mix["status"]
        self.master_bus: Any = mix["master_bus"]
        self.commands: Any = mix["commands"]
        self.pads: Any = mix["pads"]
        self.pad_states: Any = mix["pad_states"]
        self.tempo_lines: Any = mix["tempo_lines"]
        self.click: Any = mix["click"]
        self.output_ring: Any = mix["output_ring"]
        self.sample_sets: Any = mix["sample_sets"]
        self.set_users: Any = mix["set_users"]

    @property
    def address(self) -> int:
        """Address of the memory: the output callback's user data."""
        return self._mix.ctypes.data

    def clear_master_bus(self) -> None:
        """Zero the master bus's state; only while no stream runs."""
        self._mix["master_bus"].view(np.uint8).fill(0)

    def order_writes(self) -> None:
        """Act as a memory fence: no access moves across this call.

        Python has no fence, but acquiring and releasing a lock "synchronizes memory with respect
        to other threads" (POSIX.1-2017, Base Definitions, 4.12), and on x86 its locked instruction
        is a full barrier (Intel SDM, volume 3A, "Memory Ordering"). The callback's counterpart is
        `app.audio.kernel.numba_support.fence`.
        """
        with self._order:
            pass
