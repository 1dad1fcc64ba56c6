"""Comm over Horovod: the only file that imports it.

Every collective has a fixed name of its own: Horovod pairs collectives by name, and the names it makes up itself drift
apart as soon as ranks differ in history.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import horovod.mxnet as hvd
import mxnet as mx
import numpy as np

from ner_dist.ranks.comm import RankLost, Value
from ner_dist.ranks.device_agreement import must_be_staged

log = logging.getLogger("ner_dist")

# What Horovod's errors contain when another rank is gone.
_RANK_IS_GONE = (
    "Horovod has been shut down",
    "Connection reset by peer",
    "Connection closed by peer",
    "Timed out waiting",
)


class HorovodComm:
    """All ranks of a horovodrun job; see Comm."""

    def __init__(self) -> None:
        self.waiting = False
        self._warned_of_staging = False
        with self._exchange():
            hvd.init()
        self.rank: int = hvd.rank()
        self.num_ranks: int = hvd.size()

    def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
        staged = must_be_staged(gradients[0].context, bool(hvd.nccl_built()))
        if staged and not self._warned_of_staging:
            log.warning("gradients are staged through host memory: Horovod was built without NCCL")
            self._warned_of_staging = True
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
        self.waiting = True
        try:
            yield
        except mx.base.MXNetError as error:
            if any(text in str(error) for text in _RANK_IS_GONE):
                raise RankLost("another rank has died; its own log tells why") from error
            raise
        finally:
            self.waiting = False
