"""The ranks' means of speaking to each other: Horovod, or a one-process stand-in with the same face.

The only file that imports horovod. Every collective bears a fixed name of its own, because Horovod pairs
collectives by name, and automatic names drift apart as soon as ranks differ in history.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import mxnet as mx
import numpy as np

from ner_dist.errors import UserError

Value = TypeVar("Value")

log = logging.getLogger("ner_dist")


class JobError(UserError):
    """A mistake of the user's that some rank met, told to all of them."""


class RankLost(RuntimeError):
    """Another rank has died; nothing more can be exchanged."""


class Solo:
    """One process alone: every exchange returns what it was given."""

    rank = 0
    num_ranks = 1
    # Whether this rank is waiting for others, which may take longer than work of its own (see watchdog).
    waiting = False

    def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
        pass

    def sum_counts(self, counts: np.ndarray) -> np.ndarray:
        return counts

    def gather_int64(self, values: np.ndarray) -> np.ndarray:
        return values

    def gather_objects(self, value: Value) -> list[Value]:
        return [value]

    def broadcast(self, value: Value) -> Value:
        return value


class Horovod:
    """All ranks of a horovodrun job. Every rank must make the same calls in the same order.

    Every call raises RankLost once another rank has died.
    """

    def __init__(self) -> None:
        import horovod.mxnet as hvd

        self._hvd = hvd
        self._told_of_staging = False
        self.waiting = False
        with self._together():
            hvd.init()
        self.rank: int = hvd.rank()
        self.num_ranks: int = hvd.size()

    def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
        """Replace each array by its sum over the ranks; one exchange, arrays of the same shapes on every rank.

        All are on one device. They take a way through host memory if Horovod cannot reach them there.
        """
        staged = must_be_staged(gradients[0].context, bool(self._hvd.nccl_built()))
        if staged and not self._told_of_staging:
            log.warning("gradients are staged through host memory: Horovod was built without NCCL")
            self._told_of_staging = True
        with self._together():
            summed = [gradient.copyto(mx.cpu()) for gradient in gradients] if staged else gradients
            self._hvd.grouped_allreduce_(summed, op=self._hvd.Sum, name="gradients")
            for gradient, array in zip(gradients, summed):
                if staged:
                    array.copyto(gradient)
                gradient.wait_to_read()

    def sum_counts(self, counts: np.ndarray) -> np.ndarray:
        """Exact sum of the ranks' int64 vectors of one length."""
        with self._together():
            summed = self._hvd.allreduce(mx.nd.array(counts, dtype=np.int64), op=self._hvd.Sum, name="counts")
            return summed.asnumpy()

    def gather_int64(self, values: np.ndarray) -> np.ndarray:
        """The ranks' int64 vectors one after another, in rank order; their lengths may differ."""
        with self._together():
            return self._hvd.allgather(mx.nd.array(values, dtype=np.int64), name="int64").asnumpy()

    def gather_objects(self, value: Value) -> list[Value]:
        """Every rank's value, in rank order, on every rank."""
        with self._together():
            return self._hvd.allgather_object(value, name="objects")

    def broadcast(self, value: Value) -> Value:
        """Rank 0's value on every rank."""
        # A gathering to which the others give nothing, because Horovod 0.28.1's broadcast now and then crashes: its
        # EnqueueTensorBroadcast still reads the name when the finished exchange may have freed it.
        sent = np.frombuffer(pickle.dumps(value), np.uint8) if self.rank == 0 else np.zeros(0, np.uint8)
        with self._together():
            received = self._hvd.allgather(mx.nd.array(sent, dtype=np.uint8), name="broadcast").asnumpy()
        return value if self.rank == 0 else pickle.loads(received.tobytes())

    @contextmanager
    def _together(self) -> Iterator[None]:
        self.waiting = True
        try:
            yield
        except mx.base.MXNetError as error:
            if any(sign in str(error) for sign in _SIGNS_OF_LOSS):
                raise RankLost("another rank has died; its own log tells why") from error
            raise
        finally:
            self.waiting = False


# How Horovod's errors begin when a peer is gone.
_SIGNS_OF_LOSS = (
    "Horovod has been shut down",
    "Connection reset by peer",
    "Connection closed by peer",
    "Timed out waiting",
)


def must_be_staged(context: mx.Context, with_nccl: bool) -> bool:
    """Whether arrays on this device are out of the reach of a Horovod built with NCCL or without."""
    return context.device_type == "gpu" and not with_nccl


def connect() -> Solo | Horovod:
    """Horovod when horovodrun started this process, else one process alone."""
    return Horovod() if "HOROVOD_SIZE" in os.environ else Solo()


def agree_on_device(comm: Solo | Horovod, context: mx.Context) -> None:
    """Make sure that all ranks compute on devices of one kind, and that sums of gradients there are sums.

    Every rank must call it. Raises JobError on all of them if either is wrong.
    """
    kinds = comm.gather_objects(context.device_type)
    if len(set(kinds)) > 1:
        on = {kind: ", ".join(str(rank) for rank, other in enumerate(kinds) if other == kind) for kind in set(kinds)}
        raise JobError(
            f"ranks {on['gpu']} would compute on a GPU and ranks {on['cpu']} on the CPU, and all would wait for the "
            "slower; leave out hosts without a GPU for each of their ranks, or choose --train.device cpu"
        )
    # MXNet's part of Horovod can give means instead; gradients are divided once, by the global count.
    found = mx.nd.array([comm.rank + 1, 1], ctx=context)
    comm.sum_gradients([found])
    num_ranks = comm.num_ranks
    expected = [num_ranks * (num_ranks + 1) / 2, float(num_ranks)]
    if found.asnumpy().tolist() != expected:
        raise JobError(
            f"Horovod adds up wrongly on {context}: {found.asnumpy().tolist()} instead of {expected}; build it again: "
            "remove the environment and repeat make setup or make setup-gpu"
        )


def launched_rank() -> int:
    """This process's rank as the launcher set it, before any exchange is possible; 0 when alone."""
    return int(os.environ.get("HOROVOD_RANK", "0"))


def on_every_rank(comm: Solo | Horovod, action: Callable[[], Value]) -> Value:
    """Do something that may fail on some rank only; raises JobError on all ranks if it did on any."""
    try:
        value, complaint = action(), None
    except UserError as error:
        value, complaint = None, str(error)
    complaints = [text for text in comm.gather_objects(complaint) if text is not None]
    if complaints:
        raise JobError(complaints[0])
    return value  # type: ignore[return-value]


def on_rank_0(comm: Solo | Horovod, action: Callable[[], Value]) -> Value:
    """Do something on rank 0 and give every rank its outcome: the value, or JobError if it failed."""
    outcome: tuple[Any, str | None] = (None, None)
    if comm.rank == 0:
        try:
            outcome = action(), None
        except UserError as error:
            outcome = None, str(error)
    value, complaint = comm.broadcast(outcome)
    if complaint is not None:
        raise JobError(complaint)
    return value
