"""Configs of training runs, as written in presets/training. One TOML file is one run."""

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
    """AdamW with a warm-up and a cosine down to a tenth of the rate.

    With a `decay_share` above 0 the rate is constant instead, and falls in a line to nothing in
    that share of the steps: such a run can be prolonged until it begins to fall.
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

    A step's batch is `accumulate` times the configured one on each process, part after part.
    `recompute` trades a third more work for the memory of activations. `compile` names a backend
    of torch.compile for the transformer's blocks ("inductor"); empty is none. `bf16` runs products
    in bfloat16 where that is fast. With `shard` each process holds only its part of a flow's
    or post-training's weights, gradients and moments.
    """

    accumulate: int = 1
    recompute: bool = False
    compile: str = ""
    bf16: bool = True
    shard: bool = False

    def __post_init__(self) -> None:
        """Refuse steps of no batch."""
        _at_least_one(self, ("accumulate",))


@dataclass(frozen=True, slots=True)
class DatasetConfig:
    """How many sounds a run keeps at hand, by length in seconds.

    They are rendered, those of a family that is named twice twice as often, and those of a kind
    among families besides its own family's. Or they are the player's own: of a `folder`, or of tar
    files in `shards`; then 0 clips means each sound once. Of rendered sounds there may be `pairs`
    besides, as many for each length: a hum or a beatbox bar and what it becomes. Of rendered
    batches `real_share` are replaced by real sounds of the folder `sources`, where it is named. Of
    rendered lengths `free_lengths` say nothing of how a sound decays.
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
    """CriticsConfig that the codec's decoder learns to please; a `weight` of 0 is none.

    `matching` weighs that they see the same in decoded frames as in real ones, `width` sizes them.
    """

    weight: float = 0.0
    matching: float = 1.0
    width: int = 16

    def __post_init__(self) -> None:
        """Refuse critics of no size, and weights that reward the wrong."""
        _at_least_one(self, ("width",))
        for name in ("weight", "matching"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class CodecRun:
    """Training of the autoencoder.

    `refine` names a finished codec run: its encoder is kept as it is, so that latents stay what
    they are, and only the decoder is trained further. `begin` names one whose weights the whole
    run begins with. `pitch_weight` adds to the loss the frequency error of the low bins relative to
    their frequency, which is what a note's pitch is; `resolution_weight` adds errors of mid and
    side averaged over several resolutions.
    `latent_noise` is how much noise, in deviations of each channel, latents get at most, so that
    the decoder forgives a flow's errors. With `nearby_reference` partials count beside the loudest
    around them, not beside the loudest of all.
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
        """Refuse crops of nothing, and noise that leaves nothing to learn."""
        _at_least_one(self, ("crop_frames",))
        if not 0 <= self.latent_noise <= 1:
            raise ValueError(f"latent_noise must be 0..1, got {self.latent_noise}")
        if self.refine and self.begin:
            raise ValueError("a run refines a codec or begins with one: leave out refine or begin")


@dataclass(frozen=True, slots=True)
class FlowRun:
    """Training of the rectified flow on the latents of a trained codec.

    Sounds of the families in `favour` are drawn four times as often as others. `begin` names a
    model folder whose weights and words the run begins with; `codec` may name one too.
    `time_shift` and `time_truncation` bring times nearer to noise: see `stratified_times`. With an
    `even_share` above 0 so many are even in log signal-to-noise instead: see `even_log_snr_times`.
    In `filled_share` of the batches no sound is much shorter than the batch.
    With `distilled_guidance` above 0 what is learnt is not the data's velocity but that of the
    model in `begin` under so much guidance, which then needs no guidance any more. Of the batches
    `pair_share` are pairs, where the pool has some: see `DatasetConfig`.
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
    """Regression to the flow model's own guided paths before the first adversarial step.

    None by default. Paths of `sampling_steps` are solved anew every `refresh_every` steps.
    """

    steps: int = 0
    refresh_every: int = 10
    sampling_steps: int = 25
    guidance: float = 4.0

    def __post_init__(self) -> None:
        """Refuse paths of no steps."""
        _at_least_one(self, ("refresh_every", "sampling_steps"))
        if self.steps < 0:
            raise ValueError(f"steps must be at least 0, got {self.steps}")


@dataclass(frozen=True, slots=True)
class ArcRun:
    """Adversarial post-training of a flow run's model, on that run's pool of latents.

    BatchSampler are as large as the flow's, or hold `tokens_per_batch` where that is not 0.
    `penalty_weight` turns on R1 and R2, by differences over steps of `penalty_noise`.
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
        """Refuse a discriminator of no blocks."""
        if not 0 < self.discriminator_share <= 1:
            raise ValueError(
                f"discriminator_share must be above 0, at most 1, got {self.discriminator_share}"
            )


@dataclass(frozen=True, slots=True)
class EmbedderRun:
    """Training of the audio-text model that evaluation measures with.

    `held_out` sounds that training never heard tell at the end how well it does.
    """

    optimiser: OptimizerConfig
    pool: DatasetConfig
    sizes: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    held_out: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a measure of nothing, and sounds other than rendered ones."""
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
    """Read a run's config; its `stage` says which training it is. Raises ConfigError."""
    table = read_toml(path)
    stage = table.pop("stage", None)
    if not isinstance(stage, str) or stage not in _STAGES:
        raise ConfigError(f"{path}: stage must be one of {', '.join(_STAGES)}, got {stage!r}.")
    return from_table(_STAGES[stage], table, path.name)
