"""A tagger for each fold, trained and scored by commands of ner_dist: what is trained, and how much of it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from data_prep.problems import CorpusError
from data_prep.suspects.child_commands import Job, run_jobs
from ner_dist.engines.core_share import num_cores
from ner_dist.ranks.cgroup import cpu_quota

TRAIN = (sys.executable, "-m", "ner_dist.train")
EVALUATE = (sys.executable, "-m", "ner_dist.evaluate")
# A small corpus needs more epochs: at least so many steps, within these limits.
LEAST_STEPS, LEAST_EPOCHS, MOST_EPOCHS = 600, 6, 30
# And smaller batches: so many an epoch, if they are of such sizes.
BATCHES, SMALLEST_BATCH, LARGEST_BATCH = 250, 10, 32
# Sized for a minute or two on a core. The last epoch counts, because its fold decides about nothing.
KNOBS: dict[str, Any] = {
    "model": {
        "char_filters": 30,
        "lstm_units": 100,
        "dropout_input": 0.25,
        "dropout_output": 0.5,
        "dropout_words": 0.05,
        "dropout_singletons": 0.5,
    },
    "loss": {"likelihood": "sentence"},
    "optimizer": {"learning_rate": 0.003, "decay": 0.1},
    "train": {"average": 0.99, "keep": "last", "score_test": False},
}


def require_training() -> None:
    """Raises CorpusError unless taggers can be trained here."""
    if importlib.util.find_spec("mxnet") is None:
        raise CorpusError(
            "--suspects trains taggers, which needs MXNet, and it is not installed; on Linux with Python 3.9 to 3.11 "
            "run make setup or pip install 'ner-dist[train]', or check without --suspects"
        )


def num_epochs(num_sentences: int) -> int:
    """Of a training on so many sentences."""
    steps = -(-num_sentences // _batch_sentences(num_sentences))
    return max(LEAST_EPOCHS, min(MOST_EPOCHS, -(-LEAST_STEPS // steps)))


def _batch_sentences(num_sentences: int) -> int:
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, num_sentences // BATCHES))


def predictions(
    folds: Sequence[Callable[[Path], None]],
    num_sentences: int,
    seed: int,
    folder: Path,
    progress: Callable[[int], object],
) -> Generator[Path, None, None]:
    """Train on each fold's train, and yield the file with what `evaluate --sentences` says of its dev.

    folds: write a shard set each. num_sentences: roughly, of a train. Files are in `folder` as long as they are needed.
    progress: is called with the number of epochs just trained. Raises ChildError. Close it to end what is running.
    """
    cores = _num_cores()
    parallel = min(len(folds), cores)
    jobs = (
        _job(folder / f"fold-{fold}", write, num_sentences, (seed + fold) % (1 << 64))
        for fold, write in enumerate(folds)
    )
    with closing(run_jobs(jobs, parallel, cores // parallel, progress)) as ended:
        for job in ended:
            yield job.log.parent / "predictions.jsonl"
            shutil.rmtree(job.log.parent)


def _num_cores() -> int:
    """Those that this process may use; of a container's, only its share of their time."""
    quota = cpu_quota()
    return num_cores() if quota is None else max(1, min(num_cores(), int(quota)))


def _job(folder: Path, write_shards: Callable[[Path], None], num_sentences: int, seed: int) -> Job:
    shards, run, knobs = folder / "shards", folder / "run", folder / "knobs.yaml"
    folder.mkdir()
    write_shards(shards)
    steered = {"epochs": num_epochs(num_sentences), "batch_sentences": _batch_sentences(num_sentences), "seed": seed}
    # JSON is YAML.
    knobs.write_text(json.dumps({**KNOBS, "train": {**KNOBS["train"], **steered}}), encoding="utf-8")
    train = [*TRAIN, "--config", str(knobs), "--data.shards", str(shards), "--run", str(run)]
    score = [*EVALUATE, str(run), "--split", "dev", "--checkpoint", "last"]
    score += ["--sentences", str(folder / "predictions.jsonl")]
    metrics = run / "metrics.jsonl"
    return Job(f"training on {folder.name}", [train, score], folder / "log", lambda: _epochs(metrics))


def _epochs(metrics: Path) -> int:
    """How many epochs a run has scored; one that is only half written does not count."""
    if not metrics.is_file():
        return 0
    lines = metrics.read_text(encoding="utf-8").split("\n")[:-1]
    return sum(json.loads(line)["kind"] == "epoch" for line in lines)
