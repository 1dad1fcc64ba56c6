"""Stands in for ner_dist.train: the same knobs and files, no training; and runs a command of bench/ upon itself.

stand_in.py -m bench.seeds ARGUMENT... runs the command with this as its trainer. As the trainer it makes up a dev F1
from the knobs, and minds files in the folder it runs in: `fail-RUN` (it ends with an error in its first epoch),
`hold-N` and `hold-RUN` (it waits before epoch N, or before its second one, until the file is gone), `together` (it
waits until two trainers are there), `deaf` (it does not end when asked to). `fingerprint` is that of the shards, which
are read without it. It leaves `there-RUN` while it runs and adds to `began` when it starts.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ner_dist import config
from ner_dist.contract.shard_format import read_index


def main() -> None:
    settings, _ = config.parse(sys.argv[1:])
    run = Path(settings.run or "")
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.yaml").write_text(config.to_yaml(settings))
    here = Path(f"there-{run.name}")
    here.write_text(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}")
    with open("began", "a") as file:
        file.write(f"{run.name}\n")
    if Path("deaf").exists():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # As a rank of horovodrun's: in a session of its own.
        subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        train(settings, run)
    finally:
        here.unlink()


def train(settings: config.Config, run: Path) -> None:
    (run / "checkpoints").mkdir(exist_ok=True)
    path = run / "metrics.jsonl"
    begun = len(path.read_text().splitlines()) if path.exists() else 0
    for epoch in range(begun + 1, settings.train.epochs + 1):
        holds = [Path(f"hold-{epoch}"), *([Path(f"hold-{run.name}")] if epoch == 2 else [])]
        wait_while(lambda: any(hold.exists() for hold in holds))  # noqa: B023
        wait_while(lambda: Path("together").exists() and len(list(Path().glob("there-*"))) < 2)
        if Path(f"fail-{run.name}").exists():
            print("error: made up by the test", file=sys.stderr)
            sys.exit(1)
        line = {"kind": "epoch", "steps": epoch, "epoch": epoch, "dev_f1": f1(settings, epoch), "scoring_seconds": 30.0}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        (run / "checkpoints" / "last").mkdir(exist_ok=True)
    Path("together").unlink(missing_ok=True)
    (run / "result.json").write_text(json.dumps(result(settings)))


def wait_while(true: Any) -> None:
    for _ in range(400):
        if not true():
            return
        time.sleep(0.05)
    sys.exit("error: waited in vain")


def f1(settings: config.Config, epoch: int) -> float:
    """Better with each epoch, with a higher seed, and the nearer the learning rate is to 0.005."""
    distance = abs(settings.optimizer.learning_rate - 0.005)
    return 0.8 + 0.01 * settings.train.seed - 10 * distance + 0.001 * epoch


def result(settings: config.Config) -> dict[str, Any]:
    epochs = settings.train.epochs
    found = f1(settings, epochs)
    counts = {"right": round(1234 * found), "predicted": 1234, "gold": 1234}
    of_type = {"precision": found, "recall": found, "f1": found, **counts}
    entity = {**of_type, "per_type": {"LOC": of_type}}
    scores = {"entity": entity, "token": {"f1": found, "bio": {"f1": found}}}
    facts = {"num_ranks": 1, "tokens_per_second": 1000.0, "seed": settings.train.seed, "epochs": epochs}
    facts.update({"best_epoch": epochs, "steps": epochs, "versions": {"ner_dist": "0"}})
    test = {"test": scores} if settings.train.score_test else {}
    known = Path("fingerprint")
    shards = known.read_text() if known.exists() else read_index(settings.data.shards).fingerprint()
    return {"dev": scores, **test, **facts, "shards": shards}


if __name__ == "__main__":
    if sys.argv[1] == "-m":
        from bench import child_trainings

        child_trainings.TRAINER = [sys.executable, __file__]
        if Path("deaf").exists():
            child_trainings.GRACE_S = 0.3
        importlib.import_module(sys.argv[2]).main(sys.argv[3:])
    else:
        main()
