"""Sampling as a model wants it: from noise, or a noised recording, to latents. Engine process."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from engine.sampling.config import SamplingConfig
from engine.sampling.dpm import dpm_3m_sde, first_sample, sigmas_from
from engine.sampling.samplers import Noise, OnStep, Velocity, euler, ping_pong, start_from
from engine.sampling.schedule import euler_times, ping_pong_times, steps_at_pace


@dataclass(frozen=True, slots=True)
class Beginning:
    """What sampling begins with: noise (B, C, L), and a source's latents mixed in from `start` on.

    `start` is a time 0..1; it is 1 where there is no source.
    """

    noise: Tensor
    source: Tensor | None = None
    start: float = 1.0


def steps_taken(config: SamplingConfig, steps: int, start: float) -> int:
    """How many of the asked steps the model takes from a time on."""
    if config.follows_recordings:
        return steps_at_pace(steps, start, config.first_log_snr, config.last_log_snr)
    return steps


def sampler_from(config: SamplingConfig, start: float) -> str:
    """The sampler that goes on from a time: another one from a recording, where it is followed."""
    return "euler_log_snr" if config.follows_recordings and start < 1 else config.sampler


def sample(
    config: SamplingConfig,
    velocity: Velocity,
    beginning: Beginning,
    steps: int,
    noise: Noise,
    on_step: OnStep,
) -> Tensor:
    """Return latents shaped as the beginning's noise; `on_step` may raise to stop."""
    start = beginning.start
    sampler = sampler_from(config, start)
    if sampler == "v_dpm_3m_sde":
        sigmas = sigmas_from(steps, start)
        x = first_sample(beginning.noise, beginning.source, sigmas[0])
        return dpm_3m_sde(velocity, x, sigmas, noise, on_step)
    x = start_from(beginning.noise, beginning.source, start)
    if sampler == "euler":
        return euler(velocity, x, euler_times(steps, start, config.shift), on_step)
    times = ping_pong_times(steps, start, config.first_log_snr, config.last_log_snr)
    if sampler == "euler_log_snr":
        return euler(velocity, x, times, on_step)
    return ping_pong(velocity, x, times, noise, on_step)
