"""Several ranks as threads of one process: a communicator with the face of comm.Solo, and a way to start them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import mxnet as mx
import numpy as np

_PATIENCE_S = 60

Value = TypeVar("Value")


class _Meeting:
    """Only one rank runs at a time, because MXNet's Python side is not made for several threads."""

    def __init__(self, num_ranks: int) -> None:
        self.turn = threading.Lock()
        self.barrier = threading.Barrier(num_ranks, timeout=_PATIENCE_S)
        self.brought: list[Any] = [None] * num_ranks


class ThreadComm:
    waiting = False
    waited_s = 0.0
    is_elastic = False

    def __init__(self, rank: int, num_ranks: int, meeting: _Meeting) -> None:
        self.rank, self.num_ranks = rank, num_ranks
        self._meeting = meeting

    @property
    def wants_change(self) -> bool:
        return False

    def _all(self, value: Value) -> list[Value]:
        """Every rank's value, in rank order."""
        self._meeting.brought[self.rank] = value
        self._wait()
        values = list(self._meeting.brought)
        self._wait()
        return values

    def _wait(self) -> None:
        self._meeting.turn.release()
        try:
            self._meeting.barrier.wait()
        finally:
            self._meeting.turn.acquire()

    def sum_gradients(self, gradients: list[mx.nd.NDArray]) -> None:
        parts = self._all([gradient.asnumpy() for gradient in gradients])
        assert len({tuple(array.shape for array in part) for part in parts}) == 1, "ranks bring other shapes"
        for gradient, arrays in zip(gradients, zip(*parts)):
            gradient[:] = sum(arrays[1:], arrays[0])

    def sum_counts(self, counts: np.ndarray) -> np.ndarray:
        return np.sum(self._all(counts), axis=0)

    def gather_int64(self, values: np.ndarray) -> np.ndarray:
        return np.concatenate(self._all(values))

    def gather_objects(self, value: Value) -> list[Value]:
        return self._all(value)

    def regroup(self, lost: bool) -> None:
        raise AssertionError("these ranks stay the same")

    def leaves(self) -> bool:
        return False

    def end_rank(self, rank: int) -> None:
        raise AssertionError("these ranks stay the same")

    def broadcast(self, value: Value) -> Value:
        return self._all(value)[0]


def on_ranks(num_ranks: int, action: Callable[[ThreadComm], Value]) -> list[Value]:
    """What action(comm) returns on each rank; raises what the lowest rank that failed has raised."""
    meeting = _Meeting(num_ranks)
    results: list[Any] = [None] * num_ranks
    errors: list[BaseException | None] = [None] * num_ranks

    def run(rank: int) -> None:
        with meeting.turn:
            try:
                results[rank] = action(ThreadComm(rank, num_ranks, meeting))
            except BaseException as error:
                errors[rank] = error
                meeting.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(num_ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * _PATIENCE_S)
        assert not thread.is_alive(), "the ranks wait for each other"
    # A broken barrier is the consequence of another rank's error.
    for error in sorted(filter(None, errors), key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return results
