"""Times Stable Audio Open Small in full size in every precision: `bench --figures`.

The weights are random, since the published ones need a licence; times do not depend on them. The
table is that of docs/performance.md. Needs torch.
"""

from __future__ import annotations

import gc
import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from engine.api import Recipe
from engine.clip import SAMPLE_RATE_HZ, Clip
from engine.generation.generator import Generator
from engine.hardware.device import PRECISIONS, choose_device, machine_name
from engine.hardware.weights import SkipInit
from engine.loading.model_folder import load_model
from engine.loading.stable_audio.config_open import parse_config
from engine.loading.stable_audio.model import CODEC, PublishedNetworks
from engine.models.t5 import T5Config, T5Encoder

RECIPE = Recipe("latin funk drumset 115 BPM", seconds=12.0, steps=8)
"""The recipe that the paper times; the model makes 11.89 s of it."""
TEXT_ENCODER = "t5-base"
CODEC_HALF = {"requires_grad": False, "type": "oobleck"}
_WIDTHS = {"channels": 128, "c_mults": [1, 2, 4, 8, 16], "strides": [2, 4, 4, 8, 8]}
CONFIG: dict[str, Any] = {
    "model_type": "diffusion_cond",
    "sample_size": 524_288,
    "sample_rate": SAMPLE_RATE_HZ,
    "audio_channels": 2,
    "model": {
        "pretransform": {
            "type": "autoencoder",
            "iterate_batch": True,
            "model_half": True,
            "config": {
                "encoder": CODEC_HALF
                | {"config": _WIDTHS | {"in_channels": 2, "latent_dim": 128, "use_snake": True}},
                "decoder": CODEC_HALF
                | {
                    "config": _WIDTHS
                    | {"out_channels": 2, "latent_dim": 64, "use_snake": True, "final_tanh": False}
                },
                "bottleneck": {"type": "vae"},
                "latent_dim": 64,
                "downsampling_ratio": 2048,
                "io_channels": 2,
            },
        },
        "conditioning": {
            "cond_dim": 768,
            "configs": [
                {
                    "id": "prompt",
                    "type": "t5",
                    "config": {"t5_model_name": TEXT_ENCODER, "max_length": 64},
                },
                {"id": "seconds_total", "type": "number", "config": {"min_val": 0, "max_val": 256}},
            ],
        },
        "diffusion": {
            "type": "dit",
            "diffusion_objective": "rf_denoiser",
            "cross_attention_cond_ids": ["prompt", "seconds_total"],
            "global_cond_ids": ["seconds_total"],
            "config": {
                "io_channels": 64,
                "embed_dim": 1024,
                "depth": 16,
                "num_heads": 8,
                "cond_token_dim": 768,
                "global_cond_dim": 768,
                "transformer_type": "continuous_transformer",
                "attn_kwargs": {"qk_norm": "ln"},
            },
        },
        "io_channels": 64,
    },
}


@dataclass(frozen=True, slots=True)
class PrecisionTimes:
    """Median seconds of one precision; `first_s` is the time to the preview of the sound.

    `whole_s` is measured without a preview, which costs a little. `gpu_bytes` is the peak memory
    that torch allocated; None without a GPU.
    """

    precision: str
    load_s: float
    text_s: float
    steps_s: float
    decode_s: float
    whole_s: float
    first_s: float
    gpu_bytes: int | None


def measure_full_size(
    device: str, runs: int, show: Callable[[str], object], precisions: Sequence[str] = ()
) -> str:
    """Write a temporary model of full size (2.1 GB), time it, and return the table."""
    chosen = choose_device(device)
    with tempfile.TemporaryDirectory() as home:
        show("writing a model of full size, 2.1 GB")
        folder = write_model(Path(home) / "full-size")
        rows = []
        for precision in precisions or list_precisions(chosen):
            show(f"timing {precision}")
            rows.append(time_precision(folder, chosen, precision, runs))
    return format_table(rows, f"{machine_name(chosen)}, threads: {torch.get_num_threads()}")


def list_precisions(device: str) -> tuple[str, ...]:
    """Return the precisions that a device can run, without "auto"."""
    return tuple(
        precision
        for precision in PRECISIONS
        if precision != "auto" and (device == "cpu" or not precision.startswith("int8"))
    )


def time_precision(folder: Path, device: str, precision: str, runs: int) -> PrecisionTimes:
    """Load the model and time RECIPE `runs` times after a warm-up, with a new seed each time."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    model, card = load_model(folder)
    generator = Generator(model, card, device, precision)
    load_s = time.perf_counter() - started
    generator.generate(replace(RECIPE, seed=0))
    timings = [generator.generate(replace(RECIPE, seed=1 + run)).timing for run in range(runs)]
    firsts = [time_first_sound(generator, replace(RECIPE, seed=1 + run)) for run in range(runs)]
    held = torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else None
    return PrecisionTimes(
        precision,
        load_s,
        median(timing.text_ms for timing in timings) / 1e3,
        median(timing.steps_ms for timing in timings) / 1e3,
        median(timing.decode_ms for timing in timings) / 1e3,
        median(timing.whole_ms for timing in timings) / 1e3,
        median(firsts),
        held,
    )


def time_first_sound(generator: Generator, recipe: Recipe) -> float:
    """Return the seconds from the recipe to the preview of its sound."""
    preview_times: list[float] = []

    def on_preview(beginning: Clip) -> None:
        preview_times.append(time.perf_counter())

    started = time.perf_counter()
    generator.generate(recipe, on_preview=on_preview)
    return (preview_times or [time.perf_counter()])[0] - started


def format_table(rows: Sequence[PrecisionTimes], where: str) -> str:
    """Return the rows as Markdown; all times in seconds."""
    head = "| precision | load | text | steps | decode | whole | first sound | share | GPU memory |"
    lines = [f"{where}, torch {torch.__version__}", "", head, "|---" * 9 + "|"]
    for row in rows:
        times = (row.load_s, row.text_s, row.steps_s, row.decode_s, row.whole_s, row.first_s)
        memory = "–" if row.gpu_bytes is None else f"{row.gpu_bytes / 1e9:.2f} GB"
        figures = " | ".join(f"{seconds:.3g}" for seconds in times)
        share = f"{row.first_s / row.whole_s:.0%}"
        lines.append(f"| {row.precision} | {figures} | {share} | {memory} |")
    return "\n".join(lines)


# --- the model ---


def write_model(folder: Path) -> Path:
    """Write a folder as published, with random weights of the right shapes."""
    random = torch.Generator().manual_seed(0)
    with SkipInit():
        shapes = PublishedNetworks(parse_config(CONFIG)).published_shapes()
    folder.mkdir(parents=True)
    (folder / "model_config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    weights = {name: _draw_weights(name, shape, random) for name, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors")
    _write_text_encoder(folder / TEXT_ENCODER)
    return folder


def _draw_weights(name: str, shape: torch.Size, random: torch.Generator) -> Tensor:
    """Draw weights that preserve the scale of activations."""
    last = name.rpartition(".")[2]
    kind = torch.float16 if name.startswith(CODEC) else torch.float32
    if last in ("alpha", "beta", "bias"):
        return torch.zeros(shape, dtype=kind)
    if last in ("gamma", "weight_g") or (len(shape) == 1 and last == "weight"):
        # Residual branches add only a little to their inputs.
        return torch.full(shape, 0.3 if last == "weight_g" else 1.0, dtype=kind)
    scale = 1.0 if len(shape) < 2 else 1 / math.sqrt(shape[1:].numel())
    return (torch.randn(shape, generator=random) * scale).to(kind)


def _write_text_encoder(folder: Path) -> None:
    folder.mkdir()
    sizes = {"vocab_size": 32_128, "d_model": 768, "d_kv": 64, "d_ff": 3072}
    sizes |= {"num_layers": 12, "num_heads": 12}
    config = json.dumps({"model_type": "t5", **sizes})
    (folder / "config.json").write_text(config, encoding="utf-8")
    words = ["<pad>", "</s>", "<unk>", *RECIPE.prompt.split()]
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(numbers, "<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        save_file(T5Encoder(T5Config()).state_dict(), folder / "model.safetensors")
