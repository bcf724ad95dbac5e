"""Completes the paper's table: trains and measures what is missing. Needs torch.

All of it is in one run folder: NAME.toml and NAME/ for each training, models/NAME for its model,
rows/ for measurements. Existing results are reused, so a stopped table resumes, and a long training
may be run separately (`main.py train RUN/flow.toml --run
RUN/flow`, under torchrun too) before the table is asked for.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from engine.evaluation.callbacks import LoadGenerator, ShowLine
from engine.evaluation.references.embedders import Embedder, load_embedder
from engine.evaluation.runs.evaluate import (
    build_reference_set,
    current_conditions,
    embedder_name,
    load_for_references,
    measure,
)
from engine.evaluation.runs.scoring import ReferenceSet, Row
from engine.experiments.plan import (
    ARC,
    FLOW,
    ROWS,
    PaperPlan,
    RowPlan,
    Stage,
    training_name,
)
from engine.experiments.rows import (
    StoredMeasurement,
    pool_runs,
    read_measurement,
    row_from_table,
    row_to_table,
    write_measurement,
)
from engine.files.atomic import write_text
from engine.files.strict import from_table
from engine.files.toml import is_same_toml, read_toml
from engine.hardware.device import choose_device
from engine.library.card import CARD_FILE
from engine.loading.embedder_folder import CARD as EMBEDDER_CARD
from engine.loading.model_folder import CONFIG as MODEL_CONFIG
from engine.loading.model_folder import ModelConfig
from engine.training.embedder.contrastive import MODEL_FOLDER
from engine.training.export import ModelInfo, export_model
from engine.training.pretrained import CODEC_WEIGHTS
from engine.training.run.errors import RunError
from engine.training.run.metrics_log import METRICS
from engine.training.run.run_folder import CONFIG
from engine.training.settings import read_run
from engine.training.train import train

MODELS, ROWS_FOLDER = "models", "rows"
COMMAND = "python main.py table"


@dataclass(frozen=True, slots=True)
class Training:
    """The cost of a training, by its metrics, without the rendering of its sounds."""

    name: str
    steps: int
    hours: float
    cpu_hours: float
    samples_per_s: float
    matrix_share: float | None
    machines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A row of the table: its scores, over how many trained models, and hours of each of these."""

    row: Row
    models: int
    hours: float | None

    @property
    def named(self) -> Row:
        """The row with its steps in its name, for tables without a column of them."""
        return replace(self.row, name=f"{self.row.name}, {self.row.steps}")


@dataclass(frozen=True, slots=True)
class PaperTable:
    """All that the page of results is made of. `measured_on` names each machine once."""

    plan: PaperPlan
    embedder: str
    references: tuple[Row, ...]
    rows: tuple[PaperRow, ...]
    trainings: tuple[Training, ...]
    measured_on: tuple[str, ...]
    made: str


class PaperRun:
    """One run folder of the table. Raises EngineError when it cannot continue."""

    def __init__(
        self, plan: PaperPlan, run: Path, load: LoadGenerator, device: str, show: ShowLine
    ) -> None:
        self.plan, self.run = plan, run
        self._load, self._device, self._show = load, choose_device(device), show

    def make_table(self) -> PaperTable:
        """Train and measure what is missing, and return the table."""
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise RunError(
                "A table is made by one process: let torchrun do the long trainings beforehand, "
                f"by main.py train {self.run}/NAME.toml --run {self.run}/NAME."
            )
        stages = self.plan.stages(self.run)
        for stage in stages:
            self._write_config(stage)
        for stage in stages:
            self._train(stage)
        if isinstance(self.plan.flow, str):
            self._export(FLOW, Path(self.plan.flow))
        references = self._measure_references()
        stored = {
            row: [self._measure_or_read(name, row) for name in self.plan.models(row)]
            for row in ROWS
        }
        trainings = {t.name: t for t in map(self._summarize_training, stages) if t is not None}
        return PaperTable(
            self.plan,
            embedder_name(self._embedder),
            references,
            tuple(self._make_row(row, stored[row], trainings) for row in ROWS),
            tuple(trainings.values()),
            _list_places([one for of in stored.values() for one in of]),
            max(one.conditions.made for of in stored.values() for one in of),
        )

    def export_first(self, target: Path, name: str) -> None:
        """Write the post-trained model of the first seed as a folder for playing."""
        trained = self.run / training_name(ARC, self.plan.settings.seeds[0])
        settings = self.plan.settings
        about = ModelInfo(name, commands=(COMMAND,), notes=settings.note)
        codec = self.plan.folder("codec", self.run)
        export_model(trained, codec, target, about, settings.arc_sampling)

    # --- trainings ---

    def _write_config(self, stage: Stage) -> None:
        """Check and write a training's config, before hours of training."""
        path = self.run / f"{stage.name}.toml"
        begun = self.run / stage.name / CONFIG
        if begun.exists() and not is_same_toml(begun, stage.text):
            raise RunError(
                f"{begun.parent} was begun with another config: choose another folder with --run."
            )
        try:
            write_text(path, stage.text)
        except OSError as error:
            raise RunError(
                f"{path} could not be written ({error}): choose another folder with --run."
            ) from error
        read_run(path)

    def _train(self, stage: Stage) -> None:
        folder = self.run / stage.name
        done = {
            "embedder": folder / MODEL_FOLDER / EMBEDDER_CARD,
            "codec": folder / CODEC_WEIGHTS,
        }.get(stage.name, self.run / MODELS / stage.name / CARD_FILE)
        if not done.exists():
            self._show(f"training {stage.name}")
            train(self.run / f"{stage.name}.toml", folder)
        if stage.name not in ("embedder", "codec"):
            self._export(stage.name, folder)
        gc.collect()

    def _export(self, name: str, trained: Path) -> None:
        """Export a training as a model folder; again if its sampling settings changed."""
        target = self.run / MODELS / name
        settings = self.plan.settings
        sampling = settings.flow_sampling if name == FLOW else settings.arc_sampling
        if (target / CARD_FILE).exists():
            config = from_table(ModelConfig, read_toml(target / MODEL_CONFIG), MODEL_CONFIG)
            if config.sampling == sampling:
                return
            for row in (self.run / ROWS_FOLDER).glob(f"{name}@*.json"):
                row.unlink()
        about = ModelInfo(f"{self.run.name} {name}", commands=(COMMAND,))
        part = target.with_name(f"{name}.part")
        shutil.rmtree(part, ignore_errors=True)
        export_model(trained, self.plan.folder("codec", self.run), part, about, sampling)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)

    def _summarize_training(self, stage: Stage) -> Training | None:
        return summarize_training(stage.name, self.run / stage.name / METRICS)

    # --- measures ---

    @cached_property
    def _embedder(self) -> Embedder | None:
        return load_embedder(str(self.plan.folder("embedder", self.run)), self._device)

    @cached_property
    def _reference_set(self) -> ReferenceSet:
        """Build the reference set when first needed: it renders many sounds."""
        return build_reference_set(self._embedder, self.plan.settings.evaluation, self._show)

    def _measure_references(self) -> tuple[Row, ...]:
        """Real sounds with their own prompts and with each other's."""
        path = self.run / ROWS_FOLDER / "references.json"
        about = {
            "size": asdict(self.plan.settings.evaluation),
            "embedder": embedder_name(self._embedder),
        }
        if path.exists():
            table = json.loads(path.read_text(encoding="utf-8"))
            if table["about"] == about:
                return tuple(row_from_table(row) for row in table["rows"])
        rows = (self._reference_set.real_row(), self._reference_set.chance_row())
        table = {"about": about, "rows": [row_to_table(row) for row in rows]}
        write_text(path, json.dumps(table))
        return rows

    def _measure_or_read(self, name: str, row: RowPlan) -> StoredMeasurement:
        path = self.run / ROWS_FOLDER / f"{name}@{row.steps}.json"
        size, embedder = self.plan.settings.evaluation, embedder_name(self._embedder)
        stored = read_measurement(path, size, embedder)
        if stored is None:
            references = self._reference_set
            self._show(f"measuring {name}, {row.steps} steps")
            folder = self.run / MODELS / name
            loaded = load_for_references(references, self._load, folder, self._device, row.steps)
            measured = measure(loaded, row.steps, references, size, self._show)
            conditions = current_conditions(self._device, loaded.generator.precision)
            stored = StoredMeasurement(size, embedder, conditions, measured)
            write_measurement(path, stored)
        return stored

    def _make_row(
        self, row: RowPlan, stored: list[StoredMeasurement], trainings: dict[str, Training]
    ) -> PaperRow:
        names = self.plan.models(row)
        hours = [trainings[name].hours for name in names if name in trainings]
        mean = fmean(hours) if hours else None
        return PaperRow(pool_runs(row.name, row.steps, stored), len(names), mean)


def summarize_training(name: str, metrics: Path) -> Training | None:
    """Sum a run's metrics; None if there are none, or none of speed."""
    if not metrics.exists():
        return None
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if "samples_per_s" in line]
    if not lines:
        return None
    seconds = sum(line["seconds"] for line in lines)

    def mean(key: str) -> float:
        return float(sum(line[key] * line["seconds"] for line in lines) / seconds)

    return Training(
        name,
        lines[-1]["step"],
        seconds / 3600,
        sum(line["cpu_seconds"] for line in lines) / 3600,
        mean("samples_per_s"),
        mean("matrix_share") if all("matrix_share" in line for line in lines) else None,
        tuple(dict.fromkeys(line["machine"] for line in lines)),
    )


def _list_places(stored: list[StoredMeasurement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.conditions.place for one in stored))
