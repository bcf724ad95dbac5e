"""`table`: trains and measures all models of the paper's table. Imports torch with the run."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from engine.cli.context import DONE, CommandContext, CommandError, show_line
from engine.files import paths

PRESETS = paths.PRESETS / "training"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of `table`."""

    config: Path | None
    quick: bool
    run: Path | None
    report: Path | None
    embedder: str | None
    keep: str | None
    device: str


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `table`."""
    parser.add_argument("config", type=Path, nargs="?", help="default: presets/training/table.toml")
    parser.add_argument("--quick", action="store_true", help="presets/training/quick.toml: minutes")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="default: runs/NAME-OF-CONFIG")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.md", help="default: results.md in the run's folder"
    )
    parser.add_argument("--embedder", help="as for evaluate, instead of training one")
    parser.add_argument("--keep", metavar="NAME", help="leave the ARC model where the app lists it")
    parser.add_argument("--device", default="auto", help="of the measuring: auto, cpu, cuda or mps")


def run(arguments: Arguments, context: CommandContext) -> int:
    """Train and measure what the paper's table still lacks; print it."""
    if arguments.quick and arguments.config:
        raise CommandError("--quick names its own config: leave one of the two out")
    config = arguments.config or PRESETS / ("quick.toml" if arguments.quick else "table.toml")
    keep = arguments.keep
    kept = None if keep is None else _find_free_folder(context.models, keep)
    from engine.evaluation.reports.table import format_tables
    from engine.experiments.plan import read_plan
    from engine.experiments.results import write_table
    from engine.experiments.table import PaperRun

    folder = arguments.run or Path("runs") / config.stem
    plan = read_plan(config, arguments.embedder)
    paper = PaperRun(plan, folder, context.load, arguments.device, show_line)
    found = paper.make_table()
    paths = write_table(found, arguments.report or folder / "results.md")
    if kept is not None and keep is not None:
        paper.export_first(kept, keep)
        paths.append(kept)
    show_line("written: " + ", ".join(map(str, paths)))
    print(format_tables([*found.references, *(row.named for row in found.rows)]))
    return DONE


def _find_free_folder(models: Path, name: str) -> Path:
    """Return the folder for a model of that name; refuse a bad name before hours of training."""
    if not name.strip() or Path(name).name != name:
        raise CommandError(f'"{name}" cannot be a model\'s name: choose another with --keep')
    if (models / name).exists():
        raise CommandError(f'there is a model "{name}" already: choose another name with --keep')
    return models / name
