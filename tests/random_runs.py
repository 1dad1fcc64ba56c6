"""Runs with random parameters, which take no training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ner_dist import config
from ner_dist.contract.shard_format import vocab_files
from ner_dist.data import used_inputs
from ner_dist.ranks.comm import Solo
from ner_dist.run import checkpoint
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.progress import Progress
from ner_dist.training import startup

CRF = ["--loss.likelihood", "sentence"]


def random_run(folder: Path, shards: Path, knobs: list[str]) -> Path:
    """A finished run with random parameters, all far from 0 and from each other."""
    settings, _ = config.parse(["--data.shards", str(shards), *knobs])
    index, _ = startup.open_shards(settings, Solo())
    rng = np.random.default_rng(0)
    arrays = startup.new_learner(settings, index, Solo()).state()
    for name, values in arrays.items():
        if name.startswith("parameter/"):
            # Emissions outweigh transition scores, so that many tags occur.
            spread = 3 if name.endswith("emission.weight") else 0.3
            arrays[name] = values + rng.normal(0, spread, values.shape).astype(values.dtype)
    (folder / "checkpoints").mkdir(parents=True)
    if used_inputs.uses_vectors(settings.model, index):
        checkpoint.link_vectors(shards, folder / "checkpoints")
    saved = Checkpoint(arrays, Progress(epoch=1, best_epoch=0, best_f1=0.5), settings, index)
    checkpoint.save(folder / "checkpoints" / "best", saved, vocab_files(shards, index))
    facts = {"best_epoch": 1, "epochs": 1, "steps": 0, "num_ranks": 1, "seed": 1, "tokens_per_second": 0.0}
    result = {**facts, "shards": index.fingerprint(), "versions": {}}
    (folder / "result.json").write_text(json.dumps(result))
    return folder
