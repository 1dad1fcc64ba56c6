"""What each rank gets from every exchange of ner_dist.ranks.comm, as exchange-<rank>.json in the current folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.errors import UserError
from ner_dist.ranks.rank_process import run_rank

NUM_BROADCASTS = 300
# A double has no 2^53 + 1.
LARGE = 2**53 + 1
# To be set for the job.
GLOO_TIMEOUT_S = 1


def outcome(call: Callable[[], Any]) -> Any:
    """The value, or the text of the JobError."""
    from ner_dist.ranks.comm import JobError

    try:
        return call()
    except JobError as error:
        return f"JobError: {error}"


def pause_all(comm: Any) -> None:
    """Stop all ranks, as a batch system does that suspends a job, for longer than GLOO_TIMEOUT_S."""
    processes = comm.gather_objects(os.getpid())
    if comm.rank == 0:
        # Again and again, because one may be late to stop.
        script = f'sleep {GLOO_TIMEOUT_S + 1}; while kill -CONT "$@"; do sleep 0.2; done'
        subprocess.Popen(["sh", "-c", script, "sh", *map(str, processes)], stderr=subprocess.DEVNULL)
    os.kill(os.getpid(), signal.SIGSTOP)


def exchange(comm: Any) -> None:
    import mxnet as mx
    import numpy as np

    from ner_dist.ranks.comm import on_every_rank, on_rank_0

    rank, results = comm.rank, {}

    def fail_on(*ranks: int) -> int:
        if rank in ranks:
            raise UserError(f"rank {rank} cannot")
        return 10 + rank

    results["num_ranks"] = comm.num_ranks
    results["counts"] = comm.sum_counts(np.array([LARGE + rank, 2**60, -rank], np.int64)).tolist()
    floats = [mx.nd.array([rank + 1.0, 0.5]), mx.nd.ones((2, 3)), mx.nd.array([float(10**rank)])]
    comm.sum_gradients(floats)
    results["gradients"] = [array.asnumpy().ravel().tolist() for array in floats]
    # Rank 0 has nothing to give, rank 1 one value, rank 2 two.
    results["uneven"] = comm.gather_int64(np.arange(rank, dtype=np.int64) + LARGE + 10 * rank).tolist()
    results["only rank 0"] = comm.gather_int64(np.arange(2 * (rank == 0), dtype=np.int64)).tolist()
    results["nothing"] = comm.gather_int64(np.zeros(0, np.int64)).tolist()
    results["objects"] = comm.gather_objects({"rank": rank, "text": "é" * 1000 * rank, "none": None})
    # Of changing sizes, because one that is taken for another shows by its length.
    received = [comm.broadcast([rank, i, "x" * (i % 7 * 1000)]) for i in range(NUM_BROADCASTS)]
    results["broadcasts"] = [received_i[:2] for received_i in received]
    results["every rank succeeds"] = outcome(lambda: on_every_rank(comm, fail_on))
    results["rank 1 fails"] = outcome(lambda: on_every_rank(comm, lambda: fail_on(1)))
    results["all fail"] = outcome(lambda: on_every_rank(comm, lambda: fail_on(*range(comm.num_ranks))))
    results["rank 0 succeeds"] = outcome(lambda: on_rank_0(comm, lambda: fail_on(1)))
    results["rank 0 fails"] = outcome(lambda: on_rank_0(comm, lambda: fail_on(0)))
    if comm.num_ranks == 2:
        pause_all(comm)
    # The ranks are still in step after failures, and after a pause.
    results["afterwards"] = comm.sum_counts(np.ones(1, np.int64)).tolist()
    Path(f"exchange-{rank}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    run_rank(exchange)
