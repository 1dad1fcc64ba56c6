"""Training steps on one rank, two and four: tokens/s, and the share of padding."""

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
    """2 and 4 ranks, a thread each, against 1 rank on 1 core: the same global batch, and the same batch a rank."""

    def speed(ranks: int, batch: int) -> Callable[[], float]:
        return lambda: steps(ranks, options.shards, batch)["tokens_per_second"]

    rows = []
    # 4 times 128 sentences would leave too few steps of a small set.
    for batch, many in ((32, (2, 4)), (128, (2,))):
        trials = [(1, batch), *((ranks, of_all) for ranks in many for of_all in (batch, ranks * batch))]
        one, *others = alternate(options.repeats, *(speed(*trial) for trial in trials))
        for (ranks, of_all), found in zip(trials[1:], others):
            kind = f"{batch} sentences a step in both" if of_all == batch else f"{batch} sentences a rank"
            name = f"{ranks} ranks{_shared_cores(ranks)} / 1 rank, {kind}"
            rows.append(row(name, found / one, found, one, "tokens/s"))
    return rows


def padding(options: Options) -> list[Row]:
    """Share of token slots that hold no token, with the default batch, and with as many sentences a rank."""
    rows = []
    for ranks, batch in ((1, 32), (2, 64), (4, 128)):
        share = steps(ranks, options.shards, batch)["padding"]
        of_ranks = "" if ranks == 1 else f", {ranks} ranks of 32 sentences"
        rows.append(row(f"padding, share of all slots{of_ranks}", share, share, 1, ""))
    return rows


def _shared_cores(ranks: int) -> str:
    """What a row says of ranks that have no core each."""
    cores = len(os.sched_getaffinity(0))
    return f" on {cores} cores" if ranks > cores else ""
