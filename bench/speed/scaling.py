"""Training steps on one rank and on two: tokens/s, and the share of padding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

from bench.speed.rows import Options, Row, alternate, row


def steps(ranks: int, shards: str, batch_sentences: int) -> dict[str, float]:
    """tokens/s and padding of training steps on so many ranks of this machine, a thread and a core each."""
    # One rank would otherwise use a second core for Python.
    start = ["horovodrun", "-np", str(ranks)] if ranks > 1 else ["taskset", "-c", "0"]
    command = [*start, sys.executable, "-m", "bench.speed.steps", "--data.shards", shards]
    command += ["--train.batch_sentences", str(batch_sentences)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if '"tokens_per_second"' in line)
    measured: dict[str, float] = json.loads(line[line.index("{") :])
    return measured


def scaling(options: Options) -> list[Row]:
    """2 ranks on 2 cores against 1 rank on 1: the same global batch, and the same batch a rank."""

    def speed(ranks: int, batch: int) -> Callable[[], float]:
        return lambda: steps(ranks, options.shards, batch)["tokens_per_second"]

    rows = []
    for batch in (32, 128):
        one, two, doubled = alternate(options.repeats, speed(1, batch), speed(2, batch), speed(2, 2 * batch))
        rows.append(row(f"2 ranks / 1 rank, {batch} sentences a step in both", two / one, two, one, "tokens/s"))
        rows.append(row(f"2 ranks / 1 rank, {batch} sentences a rank", doubled / one, doubled, one, "tokens/s"))
    return rows


def padding(options: Options) -> list[Row]:
    """Share of token slots that hold no token, with the default batch."""
    share = steps(1, options.shards, 32)["padding"]
    return [row("padding, share of all slots", share, share, 1, "")]
