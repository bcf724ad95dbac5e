"""Runs the training that a config describes, in a run folder. Needs torch."""

from __future__ import annotations

from pathlib import Path

from engine.training.arc.trainer import train_arc
from engine.training.codec.autoencoder import train_codec
from engine.training.embedder.contrastive import train_embedder
from engine.training.flow.trainer import train_flow
from engine.training.run import distributed
from engine.training.run.run_folder import open_run_folder
from engine.training.settings import CodecRun, EmbedderRun, FlowRun, read_run


def train(config: Path, folder: Path) -> None:
    """Start or resume the training that a config describes.

    Raises ConfigError or RunError.
    """
    run = read_run(config)
    text = config.read_text(encoding="utf-8")
    with distributed.join_process_group(), open_run_folder(folder, text) as run_folder:
        if isinstance(run, CodecRun):
            train_codec(run, run_folder)
        elif isinstance(run, FlowRun):
            train_flow(run, run_folder)
        elif isinstance(run, EmbedderRun):
            train_embedder(run, run_folder)
        else:
            train_arc(run, run_folder)
