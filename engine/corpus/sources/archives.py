"""Files out of Debian and npm packages, and the packages themselves. Needs no torch."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path, PurePosixPath

from engine.corpus.sources.listing import CorpusError
from engine.corpus.sources.preset import Package

BLOCK = 1 << 20
AR_MAGIC, AR_HEADER = b"!<arch>\n", 60


def checksum(path: Path) -> str:
    """Return a file's SHA-256."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def download(package: Package, folder: Path) -> Path:
    """Return the package's file in `folder`; its registry's own client fetches what is missing.

    Raises CorpusError where the client is missing or fails.
    """
    path = folder / package.file
    if path.exists():
        return path
    commands = {
        "debian": ["apt-get", "download", f"{package.name}={package.version}"],
        "npm": ["npm", "pack", f"{package.name}@{package.version}"],
    }
    command = commands[package.registry]
    if shutil.which(command[0]) is None:
        raise CorpusError(f"{command[0]} is not here: put {package.file} into {folder} yourself")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or not path.exists():
        last = (done.stderr.strip() or "no file came").splitlines()[-1]
        raise CorpusError(f"{' '.join(command)} failed: {last}")
    return path


def files_of(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file of a .deb or .tgz; raises CorpusError."""
    try:
        with _open_tar(archive) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield PurePosixPath(member.name).as_posix(), content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise CorpusError(f"{archive} could not be unpacked ({error})") from error


def _open_tar(archive: Path) -> tarfile.TarFile:
    if archive.suffix != ".deb":
        return tarfile.open(archive)
    return tarfile.open(fileobj=io.BytesIO(_data_of_deb(archive.read_bytes())))


def _data_of_deb(content: bytes) -> bytes:
    """The member of an ar archive that holds the files, still compressed (deb(5))."""
    place = len(AR_MAGIC)
    while content.startswith(AR_MAGIC) and place + AR_HEADER <= len(content):
        name = content[place : place + 16].decode("ascii").strip().rstrip("/")
        size = int(content[place + 48 : place + 58])
        place += AR_HEADER
        if name.startswith("data.tar"):
            return content[place : place + size]
        place += size + size % 2
    raise tarfile.ReadError("it is no Debian package")
