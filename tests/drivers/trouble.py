"""Training in which one rank comes to grief: trouble.py KIND RANK STEP [arguments of ner_dist.train].

From the STEP-th step on (from 1) that gives this RANK sentences, it is killed, fails, is asked to end, hangs, or
is given a NaN. In step 0 it is stopped, right after it has been connected to the others.
MXNet must not be imported before run_rank has blocked the signals, so all that needs it comes later.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ner_dist import train
from ner_dist.ranks.rank_process import run_rank

Step = Callable[..., Any]


def kill(step: Step, batch: Any, *others: Any) -> None:
    # The checkpoint that was begun before is to be there.
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join()
    os.kill(os.getpid(), signal.SIGKILL)


def fail(step: Step, batch: Any, *others: Any) -> None:
    raise RuntimeError("made up by the test")


def terminate(step: Step, batch: Any, *others: Any) -> Any:
    os.kill(os.getpid(), signal.SIGTERM)
    return step(batch, *others)


def interrupt(step: Step, batch: Any, *others: Any) -> Any:
    os.kill(os.getpid(), signal.SIGINT)
    return step(batch, *others)


def hang(step: Step, batch: Any, *others: Any) -> None:
    Path("hanging").touch()
    while True:
        time.sleep(1)


def stop(step: Step, *others: Any) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def poison(step: Step, batch: Any, *others: Any) -> Any:
    return step(batch._replace(mask_TB=batch.mask_TB * np.float32("nan")), *others)


def make_trouble(trouble: Step, rank: int, first_step: int, my_rank: int) -> None:
    """Replace Learner.step; a refused update leaves a file that names what it has changed on this rank."""
    from ner_dist.training.step import Learner, NotFinite

    step, num_steps = Learner.step, 0

    def troubled_step(learner: Learner, batch: Any, *others: Any) -> Any:
        nonlocal num_steps
        num_steps += 1
        before = learner.state() if trouble is poison else {}
        try:
            if my_rank == rank and num_steps >= first_step and batch is not None:
                return trouble(lambda *arguments: step(learner, *arguments), batch, *others)
            return step(learner, batch, *others)
        except NotFinite:
            after = learner.state()
            changed = [name for name, value in before.items() if not np.array_equal(value, after[name])]
            Path(f"changed-{my_rank}").write_text(" ".join(changed))
            raise

    Learner.step = troubled_step


if __name__ == "__main__":
    kind, rank, first_step = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])

    def run_troubled_rank(action: Callable[[Any], None], *load: Callable[[], object]) -> None:
        def act(comm: Any) -> None:
            if first_step == 0 and comm.rank == rank:
                kind(None)
            make_trouble(kind, rank, first_step, comm.rank)
            action(comm)

        run_rank(act, *load)

    train.run_rank = run_troubled_rank
    train.main(sys.argv[4:])
