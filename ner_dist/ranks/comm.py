"""How ranks exchange values: the protocol Comm, its stand-in for one process, and actions whose failure all ranks see.

Needs neither MXNet nor Horovod; horovod_comm.py, which only ranks of horovodrun import, needs both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from ner_dist.errors import UserError
from ner_dist.stores.local_copies import by_address

Value = TypeVar("Value")


class JobError(UserError):
    """A user's mistake that some rank met, reported on all of them."""

    def __init__(self, message: str, rank: int | None = None) -> None:
        """rank: the one that met it; None if it is nobody's more than anybody else's."""
        super().__init__(message)
        self.rank = rank


class RankLost(RuntimeError):
    """Another rank has died; nothing more can be exchanged."""


class Regroup(Exception):
    """The ranks have agreed to become others at this point; only in an elastic job."""


class Comm(Protocol):
    """What ranks exchange. Every rank must make the same calls in the same order.

    Each call raises RankLost once another rank has died. The bodies are those of one process alone, to which every
    exchange returns what it was given.
    """

    rank: int
    num_ranks: int
    # Whether this rank is waiting for others now, which may take longer than its own work (see watchdog.py).
    waiting: bool
    # Seconds that it has waited for others so far, including the exchanges themselves.
    waited_s: float
    # Whether ranks may come and go.
    is_elastic: bool

    @property
    def wants_change(self) -> bool:
        """Whether the launcher wants other ranks than those of now."""
        return False

    def sum_gradients(self, gradients: list[Any]) -> None:
        """Replace each of these arrays of MXNet by its sum over the ranks, in one exchange.

        They lie on one device, and have the same shapes on every rank.
        """
        return

    def sum_counts(self, counts: np.ndarray) -> np.ndarray:
        """The exact sum of the ranks' int64 vectors, all of one length."""
        return counts

    def gather_int64(self, values: np.ndarray) -> np.ndarray:
        """The ranks' int64 vectors concatenated in rank order; their lengths may differ."""
        return values

    def gather_objects(self, value: Value) -> list[Value]:
        """Every rank's value, in rank order, on every rank."""
        return [value]

    def broadcast(self, value: Value) -> Value:
        """Rank 0's value on every rank."""
        return value

    def regroup(self, lost: bool) -> None:
        """Go on with the ranks that are there now, among which this one may have another number.

        lost: whether ranks were lost, so that exchanges have failed. Only of an elastic job.
        """
        return

    def leaves(self) -> bool:
        """Whether the others go on without this rank, which has been asked to end; only of an elastic job."""
        return False

    def end_rank(self, rank: int) -> None:
        """Have the launcher end a rank for which the others wait in vain. Only of an elastic job, from any thread."""
        return


class Solo(Comm):
    """One process alone."""

    rank, num_ranks, waiting, waited_s = 0, 1, False, 0.0
    is_elastic = False


def on_every_rank(comm: Comm, action: Callable[[], Value]) -> Value:
    """Do something that may fail on some ranks only. Raises JobError on all ranks if it raised UserError on any."""
    value, complaint = _attempt(action)
    complaints = [(text, rank) for rank, text in enumerate(comm.gather_objects(complaint)) if text is not None]
    if complaints:
        raise JobError(*complaints[0])
    return value


def on_rank_0(comm: Comm, action: Callable[[], Value]) -> Value:
    """Do something on rank 0 and give every rank its value. Raises JobError on all ranks if it raised UserError."""
    outcome: tuple[Any, str | None] = _attempt(action) if comm.rank == 0 else (None, None)
    value, complaint = comm.broadcast(outcome)
    if complaint is not None:
        raise JobError(complaint, rank=0)
    return value


def _attempt(action: Callable[[], Any]) -> tuple[Any, str | None]:
    """What the action returned, or what the UserError that it raised says."""
    try:
        return action(), None
    except UserError as error:
        # Other ranks may not know which local folders stand for addresses.
        return None, by_address(str(error))
