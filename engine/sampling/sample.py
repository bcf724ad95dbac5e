"""Sampling with a model's sampler: noise, or a noised source, to latents. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from engine.sampling.config import SamplingConfig
from engine.sampling.dpm import dpm_3m_sde, make_sigmas, start_at_sigma
from engine.sampling.samplers import Noise, OnStep, Velocity, euler, ping_pong, start_at_time
from engine.sampling.schedule import euler_times, ping_pong_times, steps_at_pace


@dataclass(frozen=True, slots=True)
class SamplingStart:
    """The start of sampling: noise (B, C, L), and a source's latents noised to `time`.

    `time` is 0..1; without a source it is 1.
    """

    noise: Tensor
    source: Tensor | None = None
    time: float = 1.0


def count_steps(config: SamplingConfig, steps: int, time: float) -> int:
    """Return how many of the requested steps the model takes from a start time."""
    if config.follows_recordings:
        return steps_at_pace(steps, time, config.first_log_snr, config.last_log_snr)
    return steps


def choose_sampler(config: SamplingConfig, time: float) -> str:
    """Return the sampler for a start time: Euler's if a source is to be followed."""
    return "euler_log_snr" if config.follows_recordings and time < 1 else config.sampler


def sample(
    config: SamplingConfig,
    velocity: Velocity,
    start: SamplingStart,
    steps: int,
    noise: Noise,
    on_step: OnStep,
) -> Tensor:
    """Return latents shaped as the start's noise; `on_step` may raise to cancel."""
    time = start.time
    sampler = choose_sampler(config, time)
    if sampler == "v_dpm_3m_sde":
        sigmas = make_sigmas(steps, time)
        x = start_at_sigma(start.noise, start.source, sigmas[0])
        return dpm_3m_sde(velocity, x, sigmas, noise, on_step)
    x = start_at_time(start.noise, start.source, time)
    if sampler == "euler":
        return euler(velocity, x, euler_times(steps, time, config.shift), on_step)
    times = ping_pong_times(steps, time, config.first_log_snr, config.last_log_snr)
    if sampler == "euler_log_snr":
        return euler(velocity, x, times, on_step)
    return ping_pong(velocity, x, times, noise, on_step)
