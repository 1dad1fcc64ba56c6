"""A small model that has learnt something, but not all, as a run's directory."""

from __future__ import annotations

from pathlib import Path

from ner_dist import assemble, checkpoint, config, selection
from ner_dist.checkpoint import Checkpoint, Progress
from ner_dist.comm import Solo
from ner_dist.shard_format import vocab_files


def train(run: Path, shards: Path, knobs: list[str]) -> None:
    """Four epochs; only checkpoints/best is written."""
    settings, _ = config.parse(["--data.shards", str(shards), *knobs, "--optimizer.learning_rate", "0.02"])
    comm = Solo()
    index, splits = assemble.open_shards(settings, comm)
    learner, hiding = assemble.new_learner(settings, index, comm), assemble.new_hiding(settings, index, comm)
    for epoch in range(4):
        for step, batch, shared in assemble.train_steps(
            settings, index, splits["train"], hiding, learner, comm, epoch, 0
        ):
            learner.step(batch, shared, epoch, step.step_id, 0.02)
    (run / "checkpoints").mkdir(parents=True)
    if selection.uses_vectors(settings.model, index):
        checkpoint.take_along(shards, run / "checkpoints")
    saved = Checkpoint(learner.state(), Progress(epoch=4), settings, index)
    checkpoint.save(run / "checkpoints" / "best", saved, vocab_files(shards, index))
