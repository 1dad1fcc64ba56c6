"""Ranks that come and go: what a process keeps from one generation of ranks to the next, and how all go on from it.

The parameters are equal on all ranks after each step, and a step that fails has changed nothing. So the state of any
survivor will do to go on from, and the order of the sentences does not depend on the number of ranks: none is lost, and
none is used twice. Survivors can be apart by the exchange that failed for some of them only; the most advanced counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ner_dist.ranks import stop_signals
from ner_dist.ranks.comm import Comm, RankLost, Regroup
from ner_dist.run import checkpoint, checkpoint_files
from ner_dist.run.checkpoint import CheckpointError
from ner_dist.run.progress import Progress
from ner_dist.run.recorder import Line, Recorder
from ner_dist.run.run_writer import RunWriter
from ner_dist.run.saver import BEST
from ner_dist.training.step import Learner

# So often in turn, without a step in between, ranks may change before this is taken for an error of our own.
_MOST_CHANGES = 20

log = logging.getLogger("ner_dist")

Value = TypeVar("Value")


class Kept:
    """What this process keeps when the ranks change; nothing at its start."""

    def __init__(self) -> None:
        # Of the generation before; None once training is over and the learner is only used for the last scores.
        self.learner: Learner | None = None
        # Where its shards lie on this host, if their address is in a store.
        self.shards: Path | None = None
        # Where it stands.
        self.progress: Progress | None = None
        # The last line of metrics.jsonl, in case rank 0 was lost before it could write it.
        self.line: Line | None = None
        # Rank 0 stays rank 0 for as long as it lives, and no other job may get its lock meanwhile.
        self.writer: RunWriter | None = None
        # Whether there were other ranks before, and how many changes without a step since.
        self.is_changed = False
        self.num_changes = 0

    def begin(self, learner: Learner, progress: Progress) -> None:
        """From now on the learner's state is what a change of ranks leaves."""
        self.learner, self.progress = learner, dataclasses.replace(progress)

    def remember(self, progress: Progress) -> None:
        """Note where the learner stands now; every rank has to, at the same points."""
        self.progress, self.num_changes = dataclasses.replace(progress), 0

    def complete(self, recorder: Recorder) -> None:
        """Write the last line of the ranks before, unless it is there."""
        line, last = self.line, recorder.last_line
        if not self.is_changed or line is None or self.progress is None:
            return
        # The end of an epoch may have to be repeated, and its line with it.
        is_done = line.kind == "steps" or line.values["epoch"] <= self.progress.epoch
        if is_done and (line.kind, line.steps) != (last.get("kind"), last.get("steps")):
            recorder.write(*line)

    def finish(self) -> None:
        """Training is over; the learner is no longer what it was, and a change of ranks needs only the files."""
        self.learner = None

    def is_carried_on(self, comm: Comm) -> bool:
        """Whether any rank remembers the training, so that the checkpoint is not needed; every rank must call it."""
        return comm.is_elastic and any(comm.gather_objects(self.progress is not None))

    def share(self, comm: Comm, learner: Learner) -> Progress:
        """Give every rank the most advanced state, and return where that stands; every rank must call it."""
        # Read before it is used, in case that was built anew.
        state = learner.state() if self.learner is not None and self.progress is not None else {}
        place = (-1, -1) if self.progress is None else (self.progress.epoch, self.progress.step)
        found = comm.gather_objects((place, _digest(state)))
        first = max(range(comm.num_ranks), key=lambda rank: (found[rank][0], -rank))
        # Most of the time all of them have the same, which may be large.
        is_needed = any(of_rank != found[first] for of_rank in found)
        given: Any = (self.progress, self.line, state if is_needed else None) if comm.rank == first else None
        progress, self.line, arrays = comm.gather_objects(given)[first]
        if arrays and found[comm.rank] != found[first]:
            learner.set_state(arrays)
        log.info("the ranks go on from the state of rank %d, after %d steps", first, progress.total_steps)
        return dataclasses.replace(progress)


def in_generations(comm: Comm, grace_seconds: float, train: Callable[[Kept], Value]) -> Value:
    """What train returns, which is called anew, with what is kept, whenever the ranks of an elastic job have changed.

    grace_seconds: how long a signal waits for a step in between. Raises what train raises.
    """
    kept = Kept()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: kept.writer.release() if kept.writer else None)
        while True:
            try:
                return train(kept)
            except (RankLost, Regroup) as change:
                if not comm.is_elastic or kept.num_changes >= _MOST_CHANGES:
                    raise
                lost = isinstance(change, RankLost)
                log.info("%s", change)
            kept.is_changed = True
            kept.num_changes += 1
            # Training has begun, so that a signal must not end it without a checkpoint.
            stack.enter_context(stop_signals.gracefully(grace_seconds))
            comm.regroup(lost)


def require_best(run: Path, keep: str, progress: Progress) -> None:
    """Raises UserError on a rank that has become rank 0 on another host and does not have the best checkpoint there.

    A store has an earlier one, if it did not answer when that was saved. keep: train.keep.
    """
    if progress.best_epoch < 0:
        return
    place = run / "checkpoints" / BEST
    found = checkpoint_files.read_state(checkpoint.find(place)).progress.epoch
    least = progress.epoch if keep == "last" else progress.best_epoch + 1
    if found < least:
        raise CheckpointError(
            f"{place}: is of epoch {found}, and that of epoch {least} was lost with the host of rank 0; continue from "
            "the last checkpoint with --train.resume true"
        )


def _digest(state: dict[str, np.ndarray]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for name, values in sorted(state.items()):
        total.update(f"{name} {values.dtype} {values.shape}\n".encode())
        total.update(np.ascontiguousarray(values).data)
    return total.hexdigest()
