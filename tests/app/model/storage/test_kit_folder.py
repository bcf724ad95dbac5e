from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.audio.mixer.pad_parameters import PadParameters
from app.model.kit import PADS, KitRecord, PadRecord
from app.model.storage import kit_folder
from app.model.storage.kit_folder import KitError, open_kit, save_kit, slug
from engine.clip import Clip
from tests.fakes.app.takes import make_kit, make_take, same_pad


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "My kit.pingpad"
    save_kit(make_kit(), folder)
    return folder


def change(folder: Path, edit: Callable[[Any], object]) -> None:
    path = folder / "kit.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_a_saved_kit_opens_as_it_was(tmp_path: Path) -> None:
    kit = make_kit()
    save_kit(kit, tmp_path / "deep" / "kit.pingpad")
    opened = open_kit(tmp_path / "deep" / "kit.pingpad")
    assert opened.name == kit.name
    assert all(same_pad(a, b) for a, b in zip(kit.pads, opened.pads, strict=True))


def test_peaks_past_full_scale_survive_saving(tmp_path: Path) -> None:
    loud = replace(make_take(), clip=Clip(np.full((10, 2), 1.7, np.float32), 44_100))
    kit = KitRecord("Loud", (PadRecord(takes=(loud,), current=0), *([PadRecord()] * 15)))
    save_kit(kit, tmp_path / "loud.pingpad")
    opened = open_kit(tmp_path / "loud.pingpad")
    assert opened.pads[0].takes[0].clip.samples.max() == np.float32(1.7)


def test_the_files_have_names_a_person_can_read(folder: Path) -> None:
    names = sorted(path.name for path in folder.glob("*.wav"))
    assert names[0].startswith("punchy-909-kick-")
    assert names[1].startswith("recording-")
    assert names[2].startswith("sound-")


def test_slugs_are_plain_and_never_empty() -> None:
    assert slug("Punchy 909 kick!") == "punchy-909-kick"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("Çà et là") == "ca-et-la"
    assert slug("🥁") == "sound"
    assert len(slug("x" * 1000)) == 40


def test_saving_again_touches_no_wav_that_is_there(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.wav")}
    kit = open_kit(folder)
    pads = (replace(kit.pads[0], takes=(*kit.pads[0].takes, make_take())), *kit.pads[1:])
    save_kit(replace(kit, pads=pads), folder)
    after = {path: path.stat().st_mtime_ns for path in folder.glob("*.wav")}
    assert len(after) == len(before) + 1
    assert all(after[path] == time for path, time in before.items())


def test_a_kit_that_could_not_be_saved_leaves_the_old_one_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    old = open_kit(folder)
    monkeypatch.setattr(kit_folder, "write_json", full)
    with pytest.raises(KitError, match=r"was not saved: the disk is full\. Your sounds are still"):
        save_kit(KitRecord("New", (PadRecord(),) * PADS), folder)
    assert open_kit(folder).name == old.name


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KitError, match="a file is where a folder should be"):
        save_kit(make_kit(), tmp_path / "file" / "kit.pingpad")


def test_a_folder_of_other_things_is_not_written_into(tmp_path: Path) -> None:
    folder = tmp_path / "Photos.pingpad"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(KitError, match="already holds other things"):
        save_kit(make_kit(), folder)
    assert [path.name for path in folder.iterdir()] == ["cat.jpg"]


def test_a_first_save_that_was_cut_short_can_be_repeated(tmp_path: Path) -> None:
    folder, kit = tmp_path / "kit.pingpad", make_kit()
    save_kit(kit, folder)
    (folder / "kit.json").unlink()
    save_kit(kit, folder)
    assert open_kit(folder).name == "My kit"


def test_no_kit_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"is not a kit: it holds no kit\.json"):
        open_kit(tmp_path)
    with pytest.raises(KitError, match="is not a kit"):
        open_kit(tmp_path / "nowhere.pingpad")


def test_a_kit_cut_off_at_any_byte_is_refused_with_a_sentence(folder: Path) -> None:
    path = folder / "kit.json"
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(KitError, match=r"is damaged .* Copy it again"):
            open_kit(folder)


def test_a_kit_of_a_newer_pingpad_says_so(folder: Path) -> None:
    change(folder, lambda data: data.update(version=3))
    with pytest.raises(KitError, match=r"newer Pingpad \(kit version 3; this one reads 2\)"):
        open_kit(folder)


def test_a_kit_of_version_1_plays_as_it_did(folder: Path) -> None:
    old_keys = {"name", "mode", "gain_db", "choke_group", "locked", "current", "takes"}

    def as_of_old(data: Any) -> None:  # noqa: ANN401 JSON
        data.update(version=1, pads=[{key: pad[key] for key in old_keys} for pad in data["pads"]])

    change(folder, as_of_old)
    first = open_kit(folder).pads[0]
    assert (first.name, first.parameters) == ("Boom", PadParameters("gate", -3.5, 2))


def test_a_missing_wav_is_named(folder: Path) -> None:
    wav = next(folder.glob("recording-*.wav"))
    wav.unlink()
    with pytest.raises(KitError, match=f"{wav.name} is missing"):
        open_kit(folder)


def test_a_text_renamed_to_wav_is_named(folder: Path) -> None:
    next(folder.glob("recording-*.wav")).write_text("this is no sound")
    with pytest.raises(KitError, match="could not be read as audio"):
        open_kit(folder)


def _first(data: Any) -> Any:  # noqa: ANN401 JSON
    return data["pads"][0]


BAD_KITS: list[tuple[Callable[[Any], object], str]] = [
    (lambda data: data.update(format="other"), "is not the file of a kit"),
    (lambda data: data.update(version=0), "version must be 1 or more"),
    (lambda data: data.update(surprise=1), "unknown key surprise"),
    (lambda data: data.pop("name"), "lacks name"),
    (lambda data: data["pads"].pop(), "must hold 16 pads, got 15"),
    (lambda data: data.update(pads={}), "pads must be a list"),
    (lambda data: _first(data).update(mode="backwards"), "mode must be one of"),
    (lambda data: _first(data).update(gain_db=1e9), "gain_db must be"),
    (lambda data: _first(data).update(current=7), "current must be"),
    (lambda data: _first(data).update(surprise=1), "pad 1 holds the unknown key"),
    (lambda data: _first(data)["takes"][0].update(kind="stolen"), "kind must be one of"),
    (lambda data: _first(data)["takes"][0].update(id="../x"), "id must be letters"),
    (lambda data: _first(data)["takes"][0].update(file="../x.wav"), "not a WAV of the kit's own"),
    (lambda data: _first(data)["takes"][0].update(file="/etc/passwd"), "not a WAV of the kit's"),
    (lambda data: _first(data)["takes"].append(_first(data)["takes"][0]), "two takes have one id"),
    (lambda data: _first(data)["takes"][1]["recipe"].update(steps=0), "Steps must be"),
    (lambda data: _first(data)["takes"][1]["recipe"].update(x=1), "unknown key x"),
]


@pytest.mark.parametrize(("edit", "words"), BAD_KITS)
def test_a_kit_that_is_wrong_anywhere_is_refused_and_the_place_named(
    folder: Path, edit: Callable[[Any], object], words: str
) -> None:
    change(folder, edit)
    with pytest.raises(KitError, match=words):
        open_kit(folder)
