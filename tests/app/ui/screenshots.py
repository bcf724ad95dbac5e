"""Pictures of the window on made-up sounds: `python -m tests.app.ui.screenshots FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.audio.mixer.meter import Meter
from app.audio.mixer.pad_parameters import PadParameters
from app.model.takes import Take, TakeKind, new_take_id
from engine.clip import Clip
from tests.app.ui.scene import Audio, Scene

RATE = 44_100


def _noise(frames: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(frames).astype(np.float32)


def _clip(mono: NDArray[np.floating], peak: float = 0.9) -> Clip:
    scaled = mono / max(1e-6, float(np.abs(mono).max())) * peak
    return Clip(np.repeat(scaled[:, None], 2, axis=1).astype(np.float32), RATE)


def kick(seconds: float = 0.6, low: float = 48.0, sharp: float = 30.0) -> Clip:
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * (low * time + 150 / sharp * (1 - np.exp(-sharp * time)))
    return _clip(np.sin(phase) * np.exp(-6 * time / seconds))


def burst(seconds: float, fall: float, seed: int, tone: float = 0.0) -> Clip:
    time = np.arange(int(seconds * RATE)) / RATE
    sound = _noise(len(time), seed) * np.exp(-fall * time)
    return _clip(sound + tone * np.sin(2 * np.pi * 190 * time) * np.exp(-18 * time))


def clap(seed: int) -> Clip:
    time = np.arange(int(0.45 * RATE)) / RATE
    shape = sum(np.exp(-90 * np.abs(time - at)) * (time >= at) for at in (0.0, 0.012, 0.025))
    return _clip(_noise(len(time), seed) * (shape + 0.5 * np.exp(-14 * time)))


def riser(seconds: float, seed: int) -> Clip:
    share = np.linspace(0, 1, int(seconds * RATE))
    return _clip(_noise(len(share), seed) * share**2.2)


def tone(seconds: float, hz: float, fall: float, partials: int = 5) -> Clip:
    time = np.arange(int(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * hz * n * time) / n for n in range(1, partials + 1))
    return _clip(sound * np.exp(-fall * time) * np.minimum(1, time * 200), 0.8)


def loop(seconds: float, seed: int) -> Clip:
    sound = np.zeros(int(seconds * RATE), np.float32)
    beat = seconds / 8
    for number in range(16):
        part = (kick(0.3) if number % 4 == 0 else burst(0.12, 40, seed + number)).samples[:, 0]
        at = int(number * beat / 2 * RATE)
        room = min(len(part), len(sound) - at)
        sound[at : at + room] += part[:room] * (1.0 if number % 4 == 0 else 0.45)
    return _clip(sound)


SOUNDS = (
    ("punchy 909 kick", kick()),
    ("deep 808 kick", kick(1.1, 38, 14)),
    ("crisp snare", burst(0.35, 14, 1, 0.8)),
    ("dusty clap", clap(2)),
    ("closed hat", burst(0.08, 70, 3)),
    ("open hat, metallic", burst(0.6, 7, 4)),
    ("wooden rim", tone(0.09, 900, 60)),
    ("low tom", kick(0.5, 90, 8)),
    ("acid bass note A1", tone(0.9, 55, 2.2, 12)),
    ("warm pluck in C minor", tone(0.7, 261, 5)),
    ("bright bell", tone(1.8, 880, 2.4, 3)),
    ("dark riser", riser(2.0, 5)),
    ("120 bpm house loop", loop(2.0, 6)),
)
SIZES = {
    "base": (1280, 800),
    "full-hd": (1920, 1080),
    "4k": (3840, 2160),
    "small": (1024, 640),
    "tall": (1100, 1000),
}


class Photographer:
    """Brings the window into a state and takes its picture."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str, width: int = 1280, height: int = 800) -> None:
        self.scene.window.resize(width, height)
        for _ in range(5):
            QApplication.processEvents()
        self.scene.tick()
        self.scene.window.show_frame()
        QApplication.processEvents()
        self.scene.window.grab().save(str(self.folder / f"{name}.png"))

    def add(self, pad: int, clip: Clip, kind: TakeKind, name: str) -> None:
        take = Take(new_take_id(), clip, kind, None, 0.0, None, name)
        self.scene.take_store.add(self.scene.session.kit.pads[pad], take)

    def play_a_while(self) -> None:
        scene, session = self.scene, self.scene.session
        for index, (name, clip) in enumerate(SOUNDS):
            scene.make(index, name, clip, seed=4821 + 7919 * index)
        scene.make(0, "punchy 909 kick", kick(0.5, 52, 40), 90311)
        self.add(0, loop(1.6, 40), "recorded", "recording")
        scene.make(0, "punchy 909 kick", kick(0.42, 50, 55), 771204)
        self.add(3, clap(9), "recorded", "beatbox")
        self.add(6, tone(0.12, 700, 40), "dropped", "rim_from_tape")
        scene.actions.pad_settings.set_parameters(4, PadParameters(choke_group=1))
        scene.actions.pad_settings.set_locked(8, True)
        session.kit.name = "Night shift"
        session.kit.changed.emit()
        session.prompt = "laser sweep"
        scene.actions.generate.generate(13)
        scene.progress(5, 8)
        session.select(0)
        session.prompt = "punchy 909 kick"
        scene.sound.positions = {0: 0.14, 12: 1.12}
        scene.sound.level = Meter(0.5, 0.42, limiting=False, rms_left=0.16, rms_right=0.13)

    def go_wrong(self) -> None:
        scene, session = self.scene, self.scene.session
        scene.actions.record.toggle()
        scene.actions.generate.generate(15)
        scene.actions.generate.generate(14)
        scene.fail("The engine stopped while making this sound; try again.")
        session.notify("Saved as Night shift.pingpad.")
        session.notify("No sound card. Plug one in; Pingpad finds it.", "warning")
        message = "No sound card. Plug one in; Pingpad finds it."
        session.set_audio(Audio(output_name=None, input_name=None, message=message))
        session.length_unit, session.bars, session.seed = "bars", 2, 482213
        scene.microphone.level, scene.microphone.seconds = 0.6, 2.4
        scene.window.focus_prompt()
        scene.window.prompt_panel.prompt.clear()
        QTest.keyClicks(scene.window.prompt_panel.prompt, "punchy dubstepish wobblecore di")


def take_pictures(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        scene = Scene(Path(temporary))
        photographer = Photographer(scene, folder)
        scene.window.show()
        photographer.take("empty")
        photographer.play_a_while()
        scene.window.prompt_panel.prompt.deselect()
        for name, (width, height) in SIZES.items():
            photographer.take(name, width, height)
        photographer.take("base")
        photographer.go_wrong()
        photographer.take("wrong")
        scene.window.close()


if __name__ == "__main__":
    application = QApplication([])
    take_pictures(Path(sys.argv[1]))
