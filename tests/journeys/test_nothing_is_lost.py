"""What a player made is there after closing, after a crash, on a full disk and in a saved kit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.audio.devices.state import DeviceRequest
from app.audio.mixer.pad_parameters import PadParameters
from engine.files.audio import write_clip
from tests.fakes.app.takes import same_pad
from tests.fakes.app.whole_instrument import WholeInstrument
from tests.log_watch import LogWatch


def begun() -> WholeInstrument:
    instrument = WholeInstrument()
    instrument.start()
    return instrument


def test_pads_panel_and_sounds_are_back_at_the_next_start() -> None:
    first = begun()
    first.make("kick", 0)
    first.make("snare", 4)
    first.actions.pad_settings.set_parameters(4, PadParameters(choke_group=2))
    first.session.prompt, first.session.bpm, first.session.seed = "hat", 97.5, 12
    before = first.session.kit.record()
    first.stop()
    second = begun()
    after = second.session.kit.record()
    assert all(same_pad(a, b) for a, b in zip(before.pads, after.pads, strict=True))
    assert (second.session.prompt, second.session.bpm, second.session.seed) == ("hat", 97.5, 12)
    assert second.said() == []
    second.until_playable(4)
    second.actions.pad_trigger.hit(4)
    assert np.abs(second.hear()).max() > 0.1
    second.stop()


def test_a_measured_round_trip_is_known_at_the_next_start_even_after_a_crash() -> None:
    first = begun()
    assert first.actions.devices.measure_round_trip()
    first.until(lambda: first.session.round_trips and first.folders.settings_file.exists())
    second = begun()
    assert [trip.milliseconds for trip in second.devices.requested.round_trips] == [10.0]
    second.stop()
    first.stop()


def test_after_a_crash_the_sounds_are_back_and_the_player_is_told() -> None:
    first = begun()
    first.make("kick", 0)
    # No stop: the process is gone. Its threads are let go so that the test can end.
    second = begun()
    assert second.pads[0].title == "kick"
    assert any("did not shut down properly" in text for text in second.said())
    second.stop()
    first.stop()


def test_a_full_disk_costs_nothing_and_is_told_and_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = [True]

    def write(path: Path, clip: object, subtype: str) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        write_clip(path, clip, subtype)  # type: ignore[arg-type]

    instrument = WholeInstrument()
    monkeypatch.setattr(instrument.instrument.store, "_write_clip", write)
    monkeypatch.setattr(instrument.instrument.writer, "_retry_s", 0.01)
    instrument.start()
    instrument.session.prompt = "kick"
    instrument.actions.generate.generate(0)
    instrument.engine.finish()
    instrument.until(lambda: any("the disk is full" in text for text in instrument.said()))
    instrument.until(lambda: instrument.pads[0].state == "ready")
    assert instrument.files() == []
    instrument.actions.pad_trigger.hit(0)
    assert np.abs(instrument.hear()).max() > 0.1
    full[0] = False
    instrument.until(lambda: "All takes are on disk again." in instrument.said())
    assert len(instrument.files()) == 1
    instrument.stop()


def test_takes_a_disk_refused_to_the_end_are_put_with_the_temporary_files(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    log_watch: LogWatch,
) -> None:
    for part in (
        "Cannot read the last session",
        "Writing to disk failed",
        "1 takes were written to",
    ):
        log_watch.expect(part)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    instrument = WholeInstrument()
    instrument.folders.data.parent.mkdir(parents=True)
    instrument.folders.data.write_text("in the way")
    instrument.start()
    instrument.session.prompt = "kick"
    instrument.actions.generate.generate(0)
    instrument.engine.finish()
    instrument.until(lambda: instrument.pads[0].state == "ready")
    instrument.stop()
    (rescued,) = tmp_path.glob("pingpad-rescued-*/*.wav")
    assert rescued.name == "kick_001.wav"
    assert str(rescued.parent) in capfd.readouterr().err


def test_a_kit_saved_and_opened_in_another_run_plays_and_its_files_can_be_dragged(
    tmp_path: Path,
) -> None:
    first = begun()
    first.make("kick", 0)
    ended: list[bool] = []
    first.actions.kit_file.save(tmp_path / "Mine", ended.append)
    first.until(lambda: ended == [True])
    first.make("boom", 0)
    first.stop()
    second = begun()
    second.actions.kit_file.open(tmp_path / "Mine.pingpad", ended.append)
    second.until(lambda: ended == [True, True])
    second.until_playable(0)
    assert [take.name for take in second.pads[0].takes.items] == ["kick"]
    dragged = second.actions.drag_out.file_for_drag(0)
    assert dragged is not None and dragged.is_relative_to(second.folders.takes)
    assert any(path.name.startswith("boom") for path in second.files())
    second.stop()


def test_the_chosen_devices_are_opened_at_the_next_start() -> None:
    first = begun()
    first.actions.devices.choose_output("Speakers")
    first.actions.devices.choose_input("Microphone")
    assert first.devices.requested == DeviceRequest("Speakers", "Microphone")
    first.stop()
    second = begun()
    assert second.devices.requested == DeviceRequest("Speakers", "Microphone")
    second.stop()


def test_damaged_settings_are_put_aside_and_said() -> None:
    first = WholeInstrument()
    first.folders.config.mkdir(parents=True)
    first.folders.settings_file.write_text('{"prompt": ')
    instrument = WholeInstrument()
    instrument.start()
    assert "settings file was damaged" in instrument.said()[0]
    instrument.stop()
    assert len(list(instrument.folders.config.glob("settings.json*"))) == 2


def test_a_second_pingpad_keeps_its_takes_but_not_the_pads() -> None:
    first = begun()
    first.make("kick", 0)
    second = WholeInstrument(autosave=False)
    second.start()
    assert second.pads[0].takes.items == () and "Another Pingpad" in second.said()[0]
    second.make("snare", 1)
    second.stop()
    first.stop()
    third = begun()
    assert third.pads[0].title == "kick" and third.pads[1].takes.items == ()
    assert len(third.files()) == 2
    third.stop()


def test_a_missing_model_is_said_and_the_rest_works(instrument: WholeInstrument) -> None:
    assert not instrument.session.engine.ready
    instrument.make("kick", 0)
    instrument.midi.play(0x90, 36, 127)
    assert np.abs(instrument.hear()).max() > 0.1
