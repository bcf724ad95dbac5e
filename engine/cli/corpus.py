"""`corpus`: fetches real sounds for training into a folder. No torch."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from engine.cli.context import COULD_NOT, DONE, CommandContext, CommandError, show_line
from engine.files.paths import PRESETS


@dataclass(frozen=True, slots=True)
class Arguments:
    """The preset, and the folders of its sounds, of downloaded packages and of own recordings."""

    preset: Path | None
    out: Path
    downloads: Path | None
    folder: Path | None


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `corpus`."""
    parser.add_argument("preset", type=Path, nargs="?", help="default: presets/corpus/sources.toml")
    parser.add_argument("--out", type=Path, default=Path("runs/sources"), metavar="FOLDER")
    parser.add_argument(
        "--downloads",
        type=Path,
        metavar="FOLDER",
        help="where packages lie or are fetched to, default: FOLDER-downloads",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="holds the recordings that the preset lists; without it they are left out",
    )


def run(arguments: Arguments, context: CommandContext) -> int:
    """Fetch, check and unpack the sources that a preset names."""
    from engine.corpus.sources.fetching import CREDITS, fetch_sources
    from engine.corpus.sources.preset import read_sources

    out = arguments.out
    downloads = arguments.downloads or out.with_name(f"{out.name}-downloads")
    if arguments.folder is not None and not arguments.folder.is_dir():
        raise CommandError(f"there is no folder {arguments.folder}")
    sources = read_sources(arguments.preset or PRESETS / "corpus" / "sources.toml")
    found = fetch_sources(sources, out, downloads, arguments.folder, show_line)
    total = sum(found.counts.values())
    show_line(f"{total} sound files in {out}, {len(found.problems)} left out; see {CREDITS} there")
    return DONE if total else COULD_NOT
