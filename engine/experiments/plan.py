"""The plan of the paper's table at our size: trainings in order, and rows to measure.

"Fast Text-to-Audio Generation with Adversarial Post-Training", section 4: the flow model with
guidance, post-training in ever fewer steps, and two ablations of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.evaluation.runs.evaluate import EvaluationSize
from engine.files.strict import ConfigError, from_table
from engine.files.toml import as_toml, read_toml
from engine.sampling.config import SamplingConfig
from engine.training.settings import read_run

FLOW, ARC = "flow", "arc"
ABLATIONS: dict[str, dict[str, Any]] = {
    ARC: {},
    "arc-without-contrast": {"contrastive_weight": 0.0},
    "arc-least-squares": {"relativistic": False},
}
"""Post-training runs, and how each changes the config of the first."""


@dataclass(frozen=True, slots=True)
class RowPlan:
    """One row: which model (FLOW or a key of ABLATIONS), in how many steps."""

    name: str
    model: str
    steps: int


ROWS = (
    RowPlan("flow, guided", FLOW, 50),
    RowPlan("flow, guided", FLOW, 8),
    RowPlan("ARC", ARC, 8),
    RowPlan("ARC", ARC, 4),
    RowPlan("ARC", ARC, 2),
    RowPlan("ARC", ARC, 1),
    RowPlan("ARC without contrastive loss", "arc-without-contrast", 8),
    RowPlan("ARC with least-squares loss", "arc-least-squares", 8),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One training: its name, which is its folder's too, and its config as text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Settings of all rows: seeds of post-training, samplers, amounts.

    `note` is a sentence for the page of results.
    """

    note: str = ""
    seeds: tuple[int, ...] = (0,)
    evaluation: EvaluationSize = field(default_factory=EvaluationSize)
    flow_sampling: SamplingConfig = field(default_factory=SamplingConfig)
    arc_sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        """Refuse post-training with no seed, or twice with one."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be different numbers, one or more, got {self.seeds}")


StageSource = str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class PaperPlan:
    """The whole table. A part is a training config, or the path of a finished training."""

    settings: PaperSettings
    embedder: StageSource
    codec: StageSource
    flow: StageSource
    arc: dict[str, Any]

    def stages(self, run: Path) -> list[Stage]:
        """Return the trainings to run below `run`, in order."""
        stages = []
        for name, part in (("embedder", self.embedder), ("codec", self.codec), (FLOW, self.flow)):
            if not isinstance(part, str):
                codec = {"codec": str(self.folder("codec", run))} if name == FLOW else {}
                stages.append(Stage(name, as_toml({"stage": name} | part | codec)))
        for ablation, change in ABLATIONS.items():
            for seed in self.settings.seeds:
                above: dict[str, Any] = {"flow": str(self.folder(FLOW, run)), "seed": seed}
                table = {"stage": ARC} | self.arc | change | above
                stages.append(Stage(training_name(ablation, seed), as_toml(table)))
        return stages

    def folder(self, part: str, run: Path) -> Path:
        """Return the folder of the embedder, the codec or the flow, finished or not."""
        given = {"embedder": self.embedder, "codec": self.codec, FLOW: self.flow}[part]
        return Path(given) if isinstance(given, str) else run / part

    def models(self, row: RowPlan) -> list[str]:
        """The names of the trained models that a row is measured over."""
        if row.model == FLOW:
            return [FLOW]
        return [training_name(row.model, seed) for seed in self.settings.seeds]


def training_name(ablation: str, seed: int) -> str:
    """Return the folder name of a post-training run."""
    return f"{ablation}-{seed}"


def read_plan(path: Path, embedder: str | None = None) -> PaperPlan:
    """Read a table's config; `embedder` is a path that takes the place of training one.

    Parts may be tables, paths of configs (.toml) or paths of what was trained. Raises ConfigError.
    """
    table = read_toml(path)
    sources: dict[str, StageSource] = {}
    for name in ("embedder", "codec", FLOW, ARC):
        part = table.pop(name, None)
        if name == "embedder" and embedder is not None:
            part = embedder
        if not isinstance(part, str | dict):
            raise ConfigError(f"{path}: {name} must be a table or a path, got {part!r}.")
        if isinstance(part, str) and part.endswith(".toml"):
            read_run(Path(part))
            part = read_toml(Path(part))
        sources[name] = part
    arc = sources[ARC]
    if isinstance(arc, str):
        raise ConfigError(f"{path}: arc must be a table or the path of a config, got {arc!r}.")
    settings = from_table(PaperSettings, table, path.name)
    return PaperPlan(settings, sources["embedder"], sources["codec"], sources[FLOW], arc)
