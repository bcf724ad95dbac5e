"""Codes sounds by Opus, with opus-tools or ffmpeg. No torch."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.api import EngineError
from engine.clip import Clip
from engine.files.audio import read_clip, write_clip

LONGEST_S = 60.0
Find = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded and decoded sound; `kbit` is its rate in kbit/s, None if unknown."""

    clip: Clip
    kbit: float | None


@dataclass(frozen=True, slots=True)
class OpusTool:
    """The commands that encode and decode; `{in}`, `{out}`, `{rate}` and `{kbit}` are filled in."""

    name: str
    encode: tuple[str, ...]
    decode: tuple[str, ...]


OPUS_TOOLS = OpusTool(
    "opus-tools",
    ("opusenc", "--quiet", "--music", "--bitrate", "{kbit}", "{in}", "{out}"),
    ("opusdec", "--quiet", "--float", "--rate", "{rate}", "{in}", "{out}"),
)
_FFMPEG = ("ffmpeg", "-loglevel", "error", "-y", "-i", "{in}")
FFMPEG = OpusTool(
    "ffmpeg",
    (*_FFMPEG, "-c:a", "libopus", "-b:a", "{kbit}k", "{out}"),
    (*_FFMPEG, "-ar", "{rate}", "-c:a", "pcm_f32le", "{out}"),
)
ADVICE = (
    "Opus is left out: there is neither opusenc and opusdec nor ffmpeg with libopus here "
    "(on Debian and Ubuntu: sudo apt install opus-tools)."
)


def find_opus(find: Find = shutil.which) -> OpusTool | None:
    """Return the coder to use, None if there is none on this computer."""
    if find("opusenc") and find("opusdec"):
        return OPUS_TOOLS
    if find("ffmpeg"):
        listed = subprocess.run(
            ["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, text=True, check=False
        )
        if "libopus" in listed.stdout:
            return FFMPEG
    return None


def code_with_opus(tool: OpusTool, kbit: int, clip: Clip) -> Coded:
    """Encode at `kbit` kbit/s (variable, the coder's own way) and decode, as long as it was.

    The rate excludes the file's headers. Raises EngineError when the coder fails.
    """
    with tempfile.TemporaryDirectory(prefix="pingpad-") as name:
        source, coded, decoded = (Path(name) / part for part in ("in.wav", "x.opus", "out.wav"))
        write_clip(source, clip, "FLOAT" if tool is FFMPEG else "PCM_24")
        _run(tool.encode, source, coded, kbit, clip.rate)
        _run(tool.decode, coded, decoded, kbit, clip.rate)
        bits = 8 * sound_bytes(coded.read_bytes())
        made = read_clip(decoded, LONGEST_S).stereo().at_rate(clip.rate).samples[: clip.frames]
    samples = np.zeros((clip.frames, 2), np.float32)
    samples[: len(made)] = made
    return Coded(Clip(samples, clip.rate), bits / clip.seconds / 1000)


def sound_bytes(ogg: bytes) -> int:
    """Bytes of an Ogg Opus file's packets, less the two pages that describe it (RFC 7845)."""
    place, sizes = 0, []
    while ogg[place : place + 4] == b"OggS":
        segments = ogg[place + 27 : place + 27 + ogg[place + 26]]
        sizes.append(sum(segments))
        place += 27 + len(segments) + sum(segments)
    return sum(sizes[2:])


def _run(command: tuple[str, ...], source: Path, out: Path, kbit: int, rate: int) -> None:
    given = {"{in}": str(source), "{out}": str(out), "{rate}": str(rate), "{kbit}": str(kbit)}
    words = [given.get(word, word.replace("{kbit}", str(kbit))) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise EngineError(f"{words[0]} could not be started ({error}).") from error
    if done.returncode != 0 or not out.exists():
        raise EngineError(f"{words[0]} failed: {' '.join(done.stderr.split())[-300:]}")
