"""The transformer, the text encoder and the sampler against the published reference's numbers.

The data was recorded with stable-audio-tools on random weights in float32.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.models.dit import Conditioning, DiffusionTransformer
from engine.models.dit_config import DiffusionTransformerConfig
from engine.models.t5 import T5Config, T5Encoder
from engine.sampling.samplers import ping_pong
from engine.sampling.schedule import ping_pong_times

DATA = Path(__file__).parents[2] / "data" / "parity"


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.fixture(scope="module")
def transformer() -> DiffusionTransformer:
    config = DiffusionTransformerConfig(
        embed_dim=128, depth=2, num_heads=2, cond_token_dim=512, global_cond_dim=512
    )
    network = DiffusionTransformer(config)
    prefix = "model.model."
    weights = load_file(DATA / "model.safetensors")
    own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    network.load_state_dict(own)
    return network.eval()


@pytest.mark.parametrize("case", ["a", "b", "c"])
@torch.inference_mode()
def test_velocity_is_that_of_the_reference(transformer: DiffusionTransformer, case: str) -> None:
    data = load_file(DATA / "dit.safetensors")
    conditioning = Conditioning(data[f"{case}.cross_attn_cond"], None, data[f"{case}.global_cond"])
    ours = transformer(data[f"{case}.x"], data[f"{case}.t"], conditioning)
    assert relative_error(ours, data[f"{case}.v"]) < 2e-5


@torch.inference_mode()
def test_hidden_states_are_those_of_the_reference(transformer: DiffusionTransformer) -> None:
    data = load_file(DATA / "dit.safetensors")
    conditioning = Conditioning(data["a.cross_attn_cond"], None, data["a.global_cond"])
    for layer in (0, 1):
        ours = transformer.hidden_states(data["a.x"], data["a.t"], conditioning, layer + 1)
        assert relative_error(ours, data[f"a.hidden.{layer}"]) < 2e-5


@torch.inference_mode()
def test_t5_encodes_as_the_reference() -> None:
    weights = load_file(DATA / "t5" / "model.safetensors")
    config = T5Config(
        vocab_size=weights["shared.weight"].shape[0],
        d_model=512,
        d_kv=weights["encoder.block.0.layer.0.SelfAttention.q.weight"].shape[0],
        d_ff=weights["encoder.block.0.layer.1.DenseReluDense.wi.weight"].shape[0],
        num_layers=2,
        num_heads=1,
    )
    encoder = T5Encoder(config)
    encoder.load_state_dict({k: v for k, v in weights.items() if "embed_tokens" not in k})
    data = load_file(DATA / "conditioning.safetensors")
    mask = data["attention_mask"].bool()
    ours = encoder(encoder.shared(data["input_ids"]), mask)
    theirs = data["prompt_embeds_fp32_t5"]
    keep = mask[..., None]
    assert relative_error(ours * keep, theirs * keep) < 2e-5


@pytest.mark.parametrize(
    ("name", "steps"), [("pingpong_t2a", 8), ("pingpong_t2a_batch2_steps4", 4)]
)
@torch.inference_mode()
def test_ping_pong_latents_are_those_of_the_reference(
    transformer: DiffusionTransformer, name: str, steps: int
) -> None:
    data = load_file(DATA / f"{name}.safetensors")
    times = ping_pong_times(steps)
    assert relative_error(times, data["sigmas"]) < 1e-6
    conditioning = Conditioning(data["cross_attn_cond"], None, data["global_cond"])
    drawn = iter([data[f"step{i}.noise"] for i in range(steps)])
    ours = ping_pong(
        lambda x, t: transformer(x, t, conditioning),
        data["initial_noise"],
        times,
        lambda like: next(drawn),
        lambda step: None,
    )
    assert relative_error(ours, data["latents"]) < 2e-4
