"""A soundfont of one sine, two instruments and a kit, written byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

RATE_HZ = 44_100


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def _list(kind: bytes, chunks: list[bytes]) -> bytes:
    return _chunk(b"LIST", kind + b"".join(chunks))


def write_soundfont(path: Path, programs: range = range(128)) -> None:
    """Write presets of bank 0, of keys 48 to 72, and two kits of keys 35 to 50, of one sine.

    The kits are the standard one and number 16.
    """
    seconds = 0.5
    wave = np.sin(2 * np.pi * 441 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    samples = (wave * 20_000).astype("<i2")
    padded = samples.tobytes() + b"\0" * 92
    presets = [(f"Tone {program}", program, 0, 0) for program in programs]
    presets += [("Kit", 0, 128, 1), ("Power kit", 16, 128, 1)]
    headers = [
        struct.pack("<20sHHHIII", name.encode(), program, bank, place, 0, 0, 0)
        for place, (name, program, bank, _) in enumerate(presets)
    ]
    headers.append(struct.pack("<20sHHHIII", b"EOP", 0, 0, len(presets), 0, 0, 0))
    bags = [struct.pack("<HH", place, 0) for place in range(len(presets) + 1)]
    generators = [struct.pack("<HH", 41, instrument) for *_, instrument in presets]
    generators.append(struct.pack("<HH", 0, 0))
    instruments = [
        struct.pack("<20sH", name, first)
        for name, first in ((b"Tone", 0), (b"Drums", 1), (b"EOI", 2))
    ]
    zones = [struct.pack("<HH", first, 0) for first in (0, 2, 4)]
    inside = [
        struct.pack("<HBB", 43, 48, 72),
        struct.pack("<HH", 53, 0),
        struct.pack("<HBB", 43, 35, 50),
        struct.pack("<HH", 53, 0),
        struct.pack("<HH", 0, 0),
    ]
    header = struct.pack(
        "<20sIIIIIBbHH", b"Sine", 0, len(samples), 0, len(samples), RATE_HZ, 69, 0, 0, 1
    )
    content = b"sfbk" + b"".join(
        [
            _list(b"INFO", [_chunk(b"ifil", struct.pack("<HH", 2, 4))]),
            _list(b"sdta", [_chunk(b"smpl", padded)]),
            _list(
                b"pdta",
                [
                    _chunk(b"phdr", b"".join(headers)),
                    _chunk(b"pbag", b"".join(bags)),
                    _chunk(b"pmod", b"\0" * 10),
                    _chunk(b"pgen", b"".join(generators)),
                    _chunk(b"inst", b"".join(instruments)),
                    _chunk(b"ibag", b"".join(zones)),
                    _chunk(b"imod", b"\0" * 10),
                    _chunk(b"igen", b"".join(inside)),
                    _chunk(b"shdr", header + b"\0" * 46),
                ],
            ),
        ]
    )
    path.write_bytes(_chunk(b"RIFF", content))
