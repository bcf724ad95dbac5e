"""The config of the paper's table in miniature: every part there, none of it any good."""

from __future__ import annotations

from engine.experiments.plan import ABLATIONS
from tests.fakes.engine.tiny_runs import OPTIMISER

STEPS = OPTIMISER.partition("[pool]")[0].partition("[optimiser]")[2]
POOL = OPTIMISER.partition("[pool]")[2]

TABLE = f"""
note = "Of no use."
seeds = [0]

[evaluation]
prompts = 4
varied = 1
seeds = 2
repeats = 2
sounds_of_a_kind = 2

[flow_sampling]
sampler = "euler"
guidance = 2.0

[embedder]
held_out = 6

[embedder.optimiser]
{STEPS}
[embedder.pool]
{POOL}
[embedder.sizes]
dims = 8
width = 16
dilations = [1, 2]
text_layers = 1
heads = 2

[codec]
crop_frames = 8

[codec.optimiser]
{STEPS}
[codec.pool]
{POOL}
[codec.codec]
latent_dim = 8
width = 16
expansion = 1
encoder_layers = 1
decoder_layers = 1

[flow]
tokens_per_batch = 64

[flow.optimiser]
{STEPS}
[flow.pool]
{POOL}
[flow.transformer]
io_channels = 8
patch_size = 2
embed_dim = 32
depth = 1
num_heads = 1
cond_token_dim = 16
global_cond_dim = 16
ff_multiple = 1

[flow.conditioner]
width = 16
layers = 1
heads = 1
ff_width = 16

[arc.optimiser]
{STEPS}
"""
TRAININGS = ["embedder", "codec", "flow", *(f"{name}-0" for name in ABLATIONS)]
