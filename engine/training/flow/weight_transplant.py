"""Initial weights from an existing model, which may know fewer words and features. Needs torch."""

from __future__ import annotations

from dataclasses import replace

import torch

from engine.loading.model_folder import PingpadModel
from engine.models.conditioning import NOTE_MARK, UNKNOWN
from engine.training.flow.network import FlowModel
from engine.training.run.errors import RunError
from engine.training.settings import FlowRun

WORD_EMBEDDING = "t5.shared.weight"
"""The conditioner's weight that holds a row for each word."""
VALUE_FEATURES = "exact.0.weight"
"""The conditioner's weight that holds a column for each feature of exact values."""


def transplant_weights(network: FlowModel, model: PingpadModel, run: FlowRun) -> None:
    """Give a network the weights of the model it begins with; raises RunError when sizes differ.

    Timing features may be new, and keep their zero initialisation. So may the last words of the
    vocabulary, which begin with the embedding of unknown words, and tonics, which begin with the
    weights of notes of the same values.
    """
    config = model.config
    transformer, conditioner = config.transformer, config.conditioner
    conditioner = replace(conditioner, keyed=conditioner.keyed or run.conditioner.keyed)
    if not transformer.latents_per_second:
        transformer = replace(transformer, latents_per_second=run.transformer.latents_per_second)
    if (transformer, conditioner) != (run.transformer, run.conditioner):
        raise RunError(
            f"The sizes of [transformer] and [conditioner] must be those of {run.begin}: "
            f"{config.transformer}, {config.conditioner}."
        )
    weights = network.transformer.state_dict() | model.transformer.state_dict()
    network.transformer.load_state_dict(weights)
    weights = model.conditioner.state_dict()
    old_rows = weights[WORD_EMBEDDING]
    new_words = network.conditioner.t5.shared.num_embeddings - len(old_rows)
    new_rows = old_rows[UNKNOWN].expand(new_words, -1)
    weights[WORD_EMBEDDING] = torch.cat([old_rows, new_rows])
    if conditioner.keyed and not config.conditioner.keyed:
        columns = weights[VALUE_FEATURES]
        note_column = columns[:, NOTE_MARK : NOTE_MARK + 1]
        weights[VALUE_FEATURES] = torch.cat([columns, note_column], dim=1)
    network.conditioner.load_state_dict(weights)
