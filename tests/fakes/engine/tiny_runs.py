"""Configs of trainings that take a second, and the folders they run in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.training.run.metrics_log import METRICS
from engine.training.run.run_folder import RunFolder, open_run_folder
from engine.training.run.throughput import SPEED_METRICS
from engine.training.train import train

OPTIMISER = """
[optimiser]
steps = 6
batch = 4
learning_rate = 1e-3
warmup = 2
checkpoint_every = 2
log_every = 1

[pool]
families = ["drum"]
seconds = [0.4]
clips = [6]
render_batch = 3
"""
CODEC_RUN = f"""
stage = "codec"
crop_frames = 8
{OPTIMISER}
[codec]
latent_dim = 8
width = 16
expansion = 1
encoder_layers = 1
decoder_layers = 1
"""


def flow_run(codec: Path) -> str:
    """The config of a flow on the latents of a codec run."""
    return f"""
stage = "flow"
codec = '{codec}'
tokens_per_batch = 64
{OPTIMISER}
[transformer]
io_channels = 8
patch_size = 2
embed_dim = 32
depth = 1
num_heads = 1
cond_token_dim = 16
global_cond_dim = 16
ff_multiple = 1

[conditioner]
width = 16
layers = 1
heads = 1
ff_width = 16
"""


def arc_run(flow: Path) -> str:
    """The config of post-training a flow run."""
    optimiser = OPTIMISER.partition("[pool]")[0]
    return f"""
stage = "arc"
flow = '{flow}'
{optimiser}
[scale]
bf16 = false
"""


def start(folder: Path, text: str) -> Path:
    """Train in `folder` from the beginning, or go on; return the folder."""
    config = folder.with_name(f"{folder.name}.toml")
    config.write_text(text, encoding="utf-8")
    train(config, folder)
    return folder


def curve(folder: Path) -> list[dict[str, float]]:
    """What a run logged, without when, where and how fast."""
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    return [
        {k: v for k, v in line.items() if k not in ("time", "machine", *SPEED_METRICS)}
        for line in lines
    ]


@contextmanager
def opened_run(folder: Path, text: str = "stage = 'codec'\n") -> Iterator[RunFolder]:
    """A run folder without a training in it."""
    with open_run_folder(folder, text) as run:
        yield run


@contextmanager
def largest_file(limit: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, which to a writer looks like a full disk."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
