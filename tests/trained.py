"""A small model that has learnt something, but not all, as a run's directory."""

from __future__ import annotations

from pathlib import Path

from exchanged_steps import exchanged_steps

from ner_dist import config
from ner_dist.contract.shard_format import vocab_files
from ner_dist.data import used_inputs
from ner_dist.ranks.comm import Solo
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.progress import Progress
from ner_dist.training import startup


def train(run: Path, shards: Path, knobs: list[str]) -> None:
    """Four epochs; only checkpoints/best is written."""
    settings, _ = config.parse(["--data.shards", str(shards), *knobs, "--optimizer.learning_rate", "0.02"])
    comm = Solo()
    index, splits = startup.open_shards(settings, comm)
    learner, word_dropout = startup.new_learner(settings, index, comm), startup.new_word_dropout(settings, index, comm)
    for epoch in range(4):
        for step, batch, shared in exchanged_steps(settings, index, splits["train"], word_dropout, comm, epoch):
            learner.step(batch, shared, epoch, step.step_id, 0.02)
    (run / "checkpoints").mkdir(parents=True)
    if used_inputs.uses_vectors(settings.model, index):
        checkpoint.link_vectors(shards, run / "checkpoints")
    saved = Checkpoint(learner.state(), Progress(epoch=4), settings, index)
    checkpoint.save(run / "checkpoints" / "best", saved, vocab_files(shards, index))
