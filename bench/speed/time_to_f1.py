"""Time to a given F1 on CoNLL-2003, from a cold start: ours with the knobs of its job, the peer as Ma & Hovy 2016 did.

As a program this is a rank of ours, with the knobs of ner_dist.train: one JSON line an epoch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.speed.measurement import BenchOptions, Measurement
from bench.speed.peer import ROOT, peer_command, torch_version
from bench.speed.step_speed import RankTraining
from ner_dist import config
from ner_dist.data.shard_reader import train_rows
from ner_dist.data.step_plan import steps_per_epoch
from ner_dist.evaluation.f1 import scores
from ner_dist.evaluation.score_split import score_split
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.rank_process import run_rank

_JOB = "job/conll2003.yaml"
_F1 = 0.905


def time_to_f1(options: BenchOptions, f1: float = _F1) -> Iterator[Measurement]:
    """Seconds to the first epoch with a test entity F1 of 90.5."""
    version = torch_version()
    if version is None:
        print("time_to_f1: skipped, no PyTorch (see bench/README.md)")
        return
    cores, shards = len(os.sched_getaffinity(0)), os.path.abspath(options.shards)
    start = [str(Path(sys.executable).parent / "horovodrun"), "-np", str(cores)] if cores > 1 else []
    ours = [*start, sys.executable, "-m", "bench.speed.time_to_f1", "--until", str(f1)]
    mine_s = _seconds("ours", [*ours, "--config", _JOB, "--data.shards", shards], threads=1)
    yours_s = _seconds("peer", peer_command("train", shards=shards, until=f1), threads=cores)
    if mine_s is None or yours_s is None:
        print(f"time_to_f1: {100 * f1:.1f} was not reached by {'ours' if mine_s is None else 'the peer'}")
        return
    yield Measurement(f"time to {100 * f1:.1f} test F1, PyTorch {version} / ours, {cores} cores", yours_s, mine_s, "s")


def _seconds(side: str, command: list[str], threads: int) -> float | None:
    """Seconds from the start of the process to the epoch that reached the F1; None if none did. Shows each epoch."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    began_s, reached, took_s = time.perf_counter(), False, 0.0
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"test_f1"' in line:
                values = json.loads(line[line.index("{") :])
                took_s, reached = time.perf_counter() - began_s, bool(values["reached"])
                shown = f"epoch {values['epoch']}, {took_s:.0f} s, F1 {100 * values['test_f1']:.2f}"
                print(f"  {side}: {shown}", flush=True)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return took_s if reached else None


def _train(settings: config.Config, until: float, comm: Comm) -> None:
    """On every rank: train, and score test after each epoch, until its F1 is reached."""
    # Imports MXNet, which must not happen before run_rank has set the number of threads.
    from ner_dist.training.optimizer import learning_rate

    training = RankTraining(settings, comm)
    num_steps = steps_per_epoch(train_rows(settings, training.index), settings.train.batch_sentences)
    entity_types = training.index.entity_types
    for epoch in range(settings.train.epochs):
        for batch, global_step, _, step_id in training.epoch(epoch):
            rate = learning_rate(settings, epoch, step_id, num_steps, reductions=0)
            training.learner.step(batch, global_step, epoch, step_id, rate)
        with training.learner.scored_network() as network:
            batches = training.splits["test"].scoring_batches(settings.train.eval_batch_sentences)
            counts = score_split(network, batches, len(entity_types), comm)
        # Counts are summed over the ranks, so all stop after the same epoch.
        f1 = scores(counts, entity_types)["entity"]["f1"]
        if comm.rank == 0:
            print(json.dumps({"epoch": epoch + 1, "test_f1": f1, "reached": f1 >= until}), flush=True)
        if f1 >= until:
            return


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.speed.time_to_f1",
        description="Train until the test split's F1 is high enough; other options are the knobs of ner_dist.train.",
        allow_abbrev=False,
    )
    parser.add_argument("--until", type=float, default=_F1, help=f"F1 to stop at, up to 1 ({_F1})")
    arguments, knobs = parser.parse_known_args()
    settings, _ = config.parse(knobs)
    run_rank(lambda comm: _train(settings, arguments.until, comm))


if __name__ == "__main__":
    main()
