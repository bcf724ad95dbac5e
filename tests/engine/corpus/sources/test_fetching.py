"""Sources brought in: checked, captioned, credited; what is wrong is named and left out."""

from __future__ import annotations

import io
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from engine.cli import corpus
from engine.cli.context import CommandContext, CommandError
from engine.corpus.sources.archives import download, files_of
from engine.corpus.sources.fetching import CREDITS, fetch_sources
from engine.corpus.sources.listing import CorpusError, list_folder
from engine.corpus.sources.preset import Package, Recording, SoundSet, Sources, read_sources
from engine.files.paths import PRESETS
from engine.files.strict import ConfigError

KIT = b"""<kit xmlns="http://example.org"><instrument><name>d3 - Snare 1</name><layer>
<filename>a.flac</filename></layer></instrument><instrument><name>sample: b.flac</name>
<filename>b.flac</filename></instrument></kit>"""
FILES = {
    "usr/doc/copyright": b"do what you like",
    "usr/sounds/font.sf2": b"a font",
    "usr/sounds/kit/drumkit.xml": KIT,
    "usr/sounds/kit/a.flac": b"a",
    "usr/sounds/kit/b.flac": b"b",
    "usr/sounds/names/bd_boom.wav": b"boom",
    "usr/sounds/names/loop_amen.wav": b"not given away",
    "usr/sounds/names/7.wav": b"no name",
}


def tar_of(files: dict[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def deb_of(files: dict[str, bytes]) -> bytes:
    """An ar archive as dpkg writes it."""
    out = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n"), ("data.tar.xz", tar_of(files, "w:xz"))):
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    return out


def package(folder: Path, files: dict[str, bytes], **changes: object) -> Package:
    """A package of all sorts of sets, whose file lies in `folder`."""
    content = deb_of(files)
    (folder / "all.deb").write_bytes(content)
    known = {
        "name": "all",
        "registry": "debian",
        "version": "1",
        "file": "all.deb",
        "sha256": sha256(content).hexdigest(),
        "licence": "MIT",
        "licence_file": "usr/doc/copyright",
        "authors": ("Ann", "Bob"),
        "sets": (
            SoundSet("font", "usr/sounds/font.sf2", "soundfont"),
            SoundSet("kit", "usr/sounds/kit", "recordings", "kit"),
            SoundSet(
                "names",
                "usr/sounds/names",
                "recordings",
                replace=(("^bd_", "kick "),),
                leave_out=("loop_amen*",),
            ),
        ),
    }
    return Package(**{**known, **changes})  # type: ignore[arg-type]


def fetch(tmp_path: Path, *packages: Package, **more: object) -> tuple[Path, list[str]]:
    """Fetch packages from tmp_path; return where to, and what was left out."""
    sources = Sources(packages, **more)  # type: ignore[arg-type]
    out = tmp_path / "out"
    found = fetch_sources(sources, out, tmp_path, tmp_path / "own", lambda _: None)
    return out, found.problems


def test_sets_come_with_captions_licence_and_credits(tmp_path: Path) -> None:
    out, problems = fetch(tmp_path, package(tmp_path, FILES))
    assert (out / "font.sf2").read_bytes() == b"a font"
    assert [(e.name, e.caption) for e in list_folder(out / "kit").entries] == [
        ("a.flac", "snare 1")
    ]
    names = [(e.name, e.caption) for e in list_folder(out / "names").entries]
    assert names == [("bd_boom.wav", "kick boom")]
    assert (out / "licences" / "all.txt").read_bytes() == b"do what you like"
    assert (out / CREDITS).read_text() == "all: Ann, Bob (MIT)\n"
    assert len(problems) == 2
    assert any("kit/b.flac" in line for line in problems)
    assert any("names/7.wav" in line for line in problems)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"licence_file": "usr/doc/none"}, "licence"),
        ({"sets": (SoundSet("gone", "usr/none", "recordings"),)}, "usr/none"),
    ],
)
def test_a_wrong_package_is_named_and_the_others_go_on(
    tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    good = package(tmp_path, FILES)
    out, problems = fetch(tmp_path, package(tmp_path, FILES, **changes), good)
    assert why in problems[0]
    assert (out / "names" / "bd_boom.wav").exists()


def recording(file: str, content: bytes, **changes: str) -> Recording:
    known = {
        "file": file,
        "sha256": sha256(content).hexdigest(),
        "caption": "a gong, loud",
        "licence": "CC0-1.0",
        "licence_file": "CC0.txt",
        "author": "Cem",
        "source": "somewhere",
    }
    return Recording(**{**known, **changes})


def test_own_recordings_are_taken_where_they_are_what_the_preset_lists(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "gongs").mkdir(parents=True)
    (own / "licences").mkdir()
    (own / "licences" / "CC0.txt").touch()
    for name in ("good", "changed", "silent"):
        (own / "gongs" / f"{name}.wav").write_bytes(name.encode())
    listed = (
        recording("gongs/good.wav", b"good"),
        recording("gongs/changed.wav", b"other"),
        recording("gongs/missing.wav", b""),
        recording("gongs/silent.wav", b"silent", caption=" "),
        recording("gongs/good.wav", b"good", licence_file="none.txt"),
    )
    out, problems = fetch(tmp_path, recordings=listed)
    entries = list_folder(out / "recorded").entries
    assert [(e.name, e.caption) for e in entries] == [("gongs/good.wav", "a gong, loud")]
    reasons = ("SHA-256", "not there", "no caption", "none.txt is missing")
    assert [reason in line for reason, line in zip(reasons, problems, strict=True)] == [True] * 4
    assert (out / CREDITS).read_text() == "gongs: Cem (CC0-1.0)\n"


def test_both_kinds_of_package_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / "some.tgz").write_bytes(tar_of(FILES, "w:gz"))
    (tmp_path / "some.deb").write_bytes(deb_of(FILES))
    for name in ("some.tgz", "some.deb"):
        assert dict(files_of(tmp_path / name)) == FILES
    (tmp_path / "broken.deb").write_bytes(b"!<arch>\nbroken")
    with pytest.raises(CorpusError, match=r"broken\.deb"):
        list(files_of(tmp_path / "broken.deb"))


def test_without_its_client_a_package_is_asked_for_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = package(tmp_path, FILES, file="other.deb")
    with pytest.raises(CorpusError, match=r"other\.deb"):
        download(wanted, tmp_path)


def test_the_preset_that_ships_is_whole() -> None:
    sources = read_sources(PRESETS / "corpus" / "sources.toml")
    assert {package.name for package in sources.packages} >= {"fluid-soundfont-gm"}
    assert len(sources.recordings) > 1_000
    for package_ in sources.packages:
        assert package_.authors and package_.sets
    assert all(r.caption and r.author and len(r.sha256) == 64 for r in sources.recordings)


def test_a_preset_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    text = (PRESETS / "corpus" / "sources.toml").read_text().replace("6f531493", "nonsense", 1)
    (tmp_path / "sources.toml").write_text(text)
    with pytest.raises(ConfigError, match="sha256"):
        read_sources(tmp_path / "sources.toml")


def test_the_command_names_a_folder_that_is_not_there(tmp_path: Path) -> None:
    given = corpus.Arguments(None, tmp_path / "out", None, tmp_path / "none")
    context = CommandContext(tmp_path, lambda _minutes, _folder: {})
    with pytest.raises(CommandError, match="none"):
        corpus.run(given, context)
