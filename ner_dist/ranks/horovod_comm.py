"""Comm over Horovod: the only file that imports it.

Every collective has a fixed name of its own: Horovod pairs collectives by name, and the names it makes up itself drift
apart as soon as ranks differ in history.
"""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ner_dist.ranks.lean_mxnet import mx

# Horovod itself would load all of MXNet.
# isort: split
import horovod.mxnet as hvd

from ner_dist.ranks import board, pulse
from ner_dist.ranks.comm import RankLost, Value
from ner_dist.ranks.device_agreement import must_be_staged
from ner_dist.ranks.membership import Membership

log = logging.getLogger("ner_dist")

# What Horovod's errors contain when another rank is gone.
_RANK_IS_GONE = (
    "Horovod has been shut down",
    "Connection reset by peer",
    "Connection closed by peer",
    "Connection timed out",
    "Timed out waiting",
    "Broken pipe",
    "No route to host",
)


# Operations that fail because of a lost rank each say so once.
_MOST_FAILURES = 1000


class HorovodComm:
    """All ranks of a horovodrun job; see Comm."""

    def __init__(self, membership: Membership | None = None) -> None:
        """membership: this process's, if the job is elastic. Raises membership.Dismissed."""
        self.waiting = False
        self.waited_s = 0.0
        self._pulse = pulse.of_this_rank()
        self._warned_of_staging = False
        self._membership = membership
        self.is_elastic = membership is not None
        # Its library writes to the terminal of every rank that another one is gone; here that is said once.
        os.environ.setdefault("HOROVOD_LOG_LEVEL", "fatal")
        self.rank, self.num_ranks = 0, 1
        self._join()

    @property
    def wants_change(self) -> bool:
        return self._membership is not None and self._membership.wants_change

    def regroup(self, lost: bool) -> None:
        if lost:
            # Ranks that wait for this one rather than for the lost one learn of it now.
            self._pulse.connections.close()
        _drain()
        hvd.shutdown()
        self._join()

    def leaves(self) -> bool:
        return self._membership is not None and self._membership.leaves()

    def end_rank(self, rank: int) -> None:
        if self._membership is not None:
            self._membership.accuse(rank)

    def _join(self) -> None:
        """Connect to the other ranks."""
        if self._membership is not None:
            with self._exchange():
                self._membership.await_part()
            # Horovod connects at another address now, where the board is a new one, too.
            board.of_this_job.cache_clear()
            self._pulse.move_to(board.of_this_job())
        with self._exchange(), self._pulse.connecting():
            hvd.init()
        self.rank, self.num_ranks = hvd.rank(), hvd.size()
        if self._membership is not None:
            self._membership.joined(self._pulse.connections.close)

    def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
        staged = must_be_staged(gradients[0].context, bool(hvd.nccl_built()))
        if staged and not self._warned_of_staging:
            log.warning("gradients are staged through host memory: Horovod was built without NCCL")
            self._warned_of_staging = True
        # Until here it is this rank's own work that takes the time; what follows is waiting for others.
        for gradient in gradients:
            gradient.wait_to_read()
        with self._exchange():
            summed = [gradient.copyto(mx.cpu()) for gradient in gradients] if staged else gradients
            hvd.grouped_allreduce_(summed, op=hvd.Sum, name="gradients")
            for gradient, array in zip(gradients, summed):
                if staged:
                    array.copyto(gradient)
                gradient.wait_to_read()

    def sum_counts(self, counts: np.ndarray) -> np.ndarray:
        with self._exchange():
            return hvd.allreduce(mx.nd.array(counts, dtype=np.int64), op=hvd.Sum, name="counts").asnumpy()

    def gather_int64(self, values: np.ndarray) -> np.ndarray:
        with self._exchange():
            return hvd.allgather(mx.nd.array(values, dtype=np.int64), name="int64").asnumpy()

    def gather_objects(self, value: Value) -> list[Value]:
        with self._exchange():
            return hvd.allgather_object(value, name="objects")

    def broadcast(self, value: Value) -> Value:
        # An allgather to which only rank 0 contributes: Horovod 0.28.1's broadcast crashes now and then, because its
        # EnqueueTensorBroadcast still reads the name after the finished exchange may have freed it.
        sent = np.frombuffer(pickle.dumps(value), np.uint8) if self.rank == 0 else np.zeros(0, np.uint8)
        with self._exchange():
            received = hvd.allgather(mx.nd.array(sent, dtype=np.uint8), name="broadcast").asnumpy()
        return value if self.rank == 0 else pickle.loads(received.tobytes())

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Marks this rank as waiting, and turns Horovod's errors about lost peers into RankLost."""
        began_s = time.perf_counter()
        self.waiting = self._pulse.waiting = True
        try:
            yield
        except mx.base.MXNetError as error:
            if any(text in str(error) for text in _RANK_IS_GONE):
                raise RankLost("another rank has died; its own log tells why") from error
            raise
        finally:
            self.waiting = self._pulse.waiting = False
            self.waited_s += time.perf_counter() - began_s


def _drain() -> None:
    """Wait for MXNet's engine; whatever failed in it because of a lost rank says so now, and never again."""
    for _ in range(_MOST_FAILURES):
        try:
            mx.nd.waitall()
            return
        except mx.base.MXNetError as error:
            log.debug("failed with the lost rank: %s", error)
