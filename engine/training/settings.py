"""Configs of training runs, as in presets/training: one TOML file is one run. Needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from engine.corpus.sources.rendered import check_families, fitting_kinds
from engine.files.strict import ConfigError, from_table
from engine.files.toml import read_toml
from engine.loading.model_folder import check_fit
from engine.models.conditioning import ConditionerConfig
from engine.models.contrastive import ContrastiveConfig
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.spectral_codec import SpectralCodecConfig


def _at_least_one(settings: object, names: tuple[str, ...]) -> None:
    for name in names:
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(settings, name)}")


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """AdamW with a linear warm-up and a cosine decay to a tenth of the rate.

    With a `decay_share` above 0 the rate is constant instead, and decays linearly to 0 in that last
    share of the steps: such a run can be extended until the decay begins.
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 200
    betas: tuple[float, ...] = (0.9, 0.95)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    decay_share: float = 0.0
    checkpoint_every: int = 500
    log_every: int = 50

    def __post_init__(self) -> None:
        """Refuse numbers that no run can use."""
        _at_least_one(self, ("steps", "batch", "checkpoint_every", "log_every"))
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers of 0..1, got {list(self.betas)}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and below 1, got {self.ema_decay}")
        if not 0 <= self.decay_share <= 1:
            raise ValueError(f"decay_share must be 0..1, got {self.decay_share}")
        if not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be above 0, got {self.clip_norm}")


@dataclass(frozen=True, slots=True)
class ScalingConfig:
    """How a run uses its machine.

    A step's batch is `accumulate` times the configured one on each process, one microbatch after
    another. `recompute` saves the memory of activations for a third more work. `compile` names a
    backend of torch.compile for the transformer's blocks ("inductor"); empty is none. `bf16` runs
    matrix products in bfloat16 where that is fast. With `shard` each process holds only its shard
    of the weights, gradients and moments, in flow training and post-training.
    """

    accumulate: int = 1
    recompute: bool = False
    compile: str = ""
    bf16: bool = True
    shard: bool = False

    def __post_init__(self) -> None:
        """Refuse steps without a batch."""
        _at_least_one(self, ("accumulate",))


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """The sounds of a run: `clips` for each length in `seconds`.

    They are rendered: `families` may also name single kinds, and a family named twice is rendered
    twice as often. Or they are the player's own, from a `folder` or from tar files in `shards`;
    then 0 clips means each sound once. Rendered sounds may come with `pairs`, a number for each
    length: a hum or a beatbox bar and the sound it becomes. If `sources` names a folder of real
    sounds, they replace `real_share` of the rendered batches. A share `free_lengths` of rendered
    lengths is independent of how the sound decays.
    """

    seed: int = 1
    families: tuple[str, ...] = ("drum", "tonal", "effect", "texture", "loop")
    seconds: tuple[float, ...] = (1.5,)
    clips: tuple[int, ...] = (4000,)
    pairs: tuple[int, ...] = ()
    render_batch: int = 32
    folder: str = ""
    shards: str = ""
    sources: str = ""
    real_share: float = 0.5
    free_lengths: float = 0.0

    def __post_init__(self) -> None:
        """Refuse lists of different lengths, and buckets without sounds."""
        if self.folder and self.shards:
            raise ValueError("sounds come from a folder or from shards, not from both")
        if len(self.seconds) != len(self.clips) or not self.seconds:
            raise ValueError("seconds and clips must have the same number of entries, one or more")
        if min(self.clips) < (0 if self.is_own else 1) or not min(self.seconds) > 0:
            raise ValueError("seconds and clips must be above 0")
        if self.pairs and (self.is_own or len(self.pairs) != len(self.seconds)):
            raise ValueError(
                "pairs are rendered: without folder and shards, one number each length"
            )
        if self.pairs and min(self.pairs) < 0:
            raise ValueError(f"pairs must be 0 or more, got {list(self.pairs)}")
        _at_least_one(self, ("render_batch",))
        if self.sources and self.is_own:
            raise ValueError("sources are mixed with rendered sounds: leave out folder and shards")
        for name in ("real_share", "free_lengths"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0..1, got {getattr(self, name)}")
        check_families(self.families)
        for seconds in () if self.is_own else self.seconds:
            fitting_kinds(self.families, seconds)

    @property
    def is_own(self) -> bool:
        """Whether the sounds are the player's, not rendered."""
        return bool(self.folder or self.shards)


@dataclass(frozen=True, slots=True)
class CriticsConfig:
    """The critics of adversarial codec training; with a `weight` of 0 there are none.

    `matching` is the weight of the feature matching loss, `width` the critics' channels.
    """

    weight: float = 0.0
    matching: float = 1.0
    width: int = 16

    def __post_init__(self) -> None:
        """Refuse critics without channels, and negative weights."""
        _at_least_one(self, ("width",))
        for name in ("weight", "matching"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class CodecRun:
    """Training of the autoencoder.

    `refine` names a finished codec run: its encoder is frozen, so that latents stay the same, and
    only the decoder is trained further. `begin` names a codec whose weights initialise the whole
    run. `pitch_weight` adds the relative frequency error of the low bins, which is the error of a
    note's pitch; `resolution_weight` adds errors of mid and side averaged at several resolutions.
    `latent_noise` is the largest noise on latents, in deviations of each channel, which makes the
    decoder robust to a flow's errors. With `nearby_reference` partials are weighted relative to the
    loudest nearby, not to the loudest of all.
    """

    optimiser: OptimizerConfig
    pool: DatasetConfig
    codec: SpectralCodecConfig = field(default_factory=SpectralCodecConfig)
    scale: ScalingConfig = field(default_factory=ScalingConfig)
    crop_frames: int = 32
    kl_weight: float = 2e-4
    pitch_weight: float = 0.0
    resolution_weight: float = 0.0
    latent_noise: float = 0.0
    nearby_reference: bool = False
    critics: CriticsConfig = field(default_factory=CriticsConfig)
    refine: str = ""
    begin: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse empty crops, and noise that leaves nothing to learn."""
        _at_least_one(self, ("crop_frames",))
        if not 0 <= self.latent_noise <= 1:
            raise ValueError(f"latent_noise must be 0..1, got {self.latent_noise}")
        if self.refine and self.begin:
            raise ValueError("a run refines a codec or begins with one: leave out refine or begin")


@dataclass(frozen=True, slots=True)
class FlowRun:
    """Training of the rectified flow on the latents of a trained codec.

    Sounds of the families in `favour` are drawn four times as often as others. `begin` names a
    model folder whose weights and words initialise the run; `codec` may name one too. `time_shift`
    and `time_truncation` move times towards noise: see `stratified_times`. With an `even_share`
    above 0 that share is uniform in log SNR instead: see `even_log_snr_times`. In `filled_share` of
    the batches no sound is much shorter than the batch.
    With `distilled_guidance` above 0 the target is not the data's velocity but that of the model in
    `begin` at this guidance scale; the result needs no guidance. `pair_share` of the batches are
    pairs, if the pool has some: see `DatasetConfig`.
    """

    optimiser: OptimizerConfig
    pool: DatasetConfig
    codec: str
    transformer: DiffusionTransformerConfig = field(default_factory=DiffusionTransformerConfig)
    conditioner: ConditionerConfig = field(default_factory=ConditionerConfig)
    scale: ScalingConfig = field(default_factory=ScalingConfig)
    begin: str = ""
    pair_share: float = 0.25
    distilled_guidance: float = 0.0
    favour: tuple[str, ...] = ()
    prompt_dropout: float = 0.1
    unknown_word_chance: float = 0.02
    time_shift: float = 1.0
    time_truncation: float = 0.0
    even_share: float = 0.0
    filled_share: float = 0.0
    tokens_per_batch: int = 2048
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse shares beyond 0..1 and networks that do not fit each other."""
        check_fit(self.transformer, self.conditioner)
        shares = ("prompt_dropout", "unknown_word_chance", "pair_share")
        for name in (*shares, "even_share", "filled_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0..1, got {getattr(self, name)}")
        _at_least_one(self, ("tokens_per_batch",))
        if self.distilled_guidance and not self.begin:
            raise ValueError(
                "distilled_guidance needs the model it is taken from: name it in begin"
            )
        if not 0 <= self.distilled_guidance < math.inf:
            raise ValueError(f"distilled_guidance must be 0 or more, got {self.distilled_guidance}")
        if not 0 < self.time_shift < math.inf:
            raise ValueError(f"time_shift must be above 0, got {self.time_shift}")
        if not 0 <= self.time_truncation < 1:
            raise ValueError(
                f"time_truncation must be at least 0 and below 1, got {self.time_truncation}"
            )


@dataclass(frozen=True, slots=True)
class WarmUpConfig:
    """Regression to the flow model's own guided ODE paths before the first adversarial step.

    Off by default. New paths of `sampling_steps` are solved every `refresh_every` steps.
    """

    steps: int = 0
    refresh_every: int = 10
    sampling_steps: int = 25
    guidance: float = 4.0

    def __post_init__(self) -> None:
        """Refuse paths without steps."""
        _at_least_one(self, ("refresh_every", "sampling_steps"))
        if self.steps < 0:
            raise ValueError(f"steps must be at least 0, got {self.steps}")


@dataclass(frozen=True, slots=True)
class ArcRun:
    """Adversarial post-training of a flow run's model, on that run's pool of latents.

    Batches are as large as the flow's, or hold `tokens_per_batch` if that is not 0. A
    `penalty_weight` above 0 adds R1 and R2, by finite differences of size `penalty_noise`.
    """

    optimiser: OptimizerConfig
    flow: str
    discriminator_share: float = 0.75
    discriminator_shift: float = 1.0
    contrastive_weight: float = 1.0
    relativistic: bool = True
    tokens_per_batch: int = 0
    penalty_weight: float = 0.0
    penalty_noise: float = 0.05
    warm_up: WarmUpConfig = field(default_factory=WarmUpConfig)
    scale: ScalingConfig = field(default_factory=ScalingConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a discriminator without blocks."""
        if not 0 < self.discriminator_share <= 1:
            raise ValueError(
                f"discriminator_share must be above 0, at most 1, got {self.discriminator_share}"
            )


@dataclass(frozen=True, slots=True)
class EmbedderRun:
    """Training of the audio-text model that evaluation measures with.

    At the end its recall is measured on `held_out` sounds that training never used.
    """

    optimiser: OptimizerConfig
    pool: DatasetConfig
    sizes: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    held_out: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse an empty held-out set, and sounds other than rendered ones."""
        _at_least_one(self, ("held_out",))
        if self.pool.folder or self.pool.shards:
            raise ValueError("an embedder learns from rendered sounds: leave out folder and shards")


Run = CodecRun | FlowRun | ArcRun | EmbedderRun
_STAGES: dict[str, type[CodecRun] | type[FlowRun] | type[ArcRun] | type[EmbedderRun]] = {
    "codec": CodecRun,
    "flow": FlowRun,
    "arc": ArcRun,
    "embedder": EmbedderRun,
}


def read_run(path: Path) -> Run:
    """Read a run's config; `stage` selects its class. Raises ConfigError."""
    table = read_toml(path)
    stage = table.pop("stage", None)
    if not isinstance(stage, str) or stage not in _STAGES:
        raise ConfigError(f"{path}: stage must be one of {', '.join(_STAGES)}, got {stage!r}.")
    return from_table(_STAGES[stage], table, path.name)
