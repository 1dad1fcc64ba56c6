"""An export scored on all cores: each process has a thread and some of the shards, and the counts are added up.

Decoding is Python's, so threads of one process would wait for each other.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import signal
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path

from ner_dist.contract.export_record import read_record
from ner_dist.contract.shard_format import Index, read_index
from ner_dist.contract.shard_place import shard_folder
from ner_dist.errors import UserError
from ner_dist.evaluation.characters import CharacterCounts
from ner_dist.ranks import environment
from ner_dist.ranks.comm import Comm, Solo
from ner_dist.scoring.open_model import GOLD_SPLIT, is_export
from ner_dist.scoring.score_model import Opening, Scored, ScoredPart, Wanted, score_on_ranks, score_part, scored
from ner_dist.stores.addresses import Address

# For fewer, a process takes longer to start than to score them.
_TOKENS_OF_PROCESS = 200_000
_POLL_S = 0.2


class _Part(Solo):
    """The stand-in for a rank that scores its shards and exchanges nothing."""

    def __init__(self, rank: int, num_ranks: int) -> None:
        self.rank, self.num_ranks = rank, num_ranks


def score(opening: Opening, wanted: Wanted, comm: Comm, processes: int | None = None) -> Scored:
    """Every rank must call it. processes: for an export in one process; None: as many as there are cores and work.

    Raises UserError.
    """
    if comm.num_ranks > 1 or not is_export(opening.model):
        return score_on_ranks(opening, wanted, comm)
    number = _num_processes(opening, processes)
    return score_on_ranks(opening, wanted, comm) if number < 2 else _in_processes(opening, wanted, number)


def _num_processes(opening: Opening, wanted: int | None) -> int:
    if wanted == 1:
        return 1
    try:
        index, split = _index(opening)
    except UserError:
        # Opening it says what is wrong.
        return 1
    if split not in index.splits:
        return 1
    most = len(index.splits[split])
    return min(most, wanted or min(environment.prepare(), index.num_tokens(split) // _TOKENS_OF_PROCESS))


def _index(opening: Opening) -> tuple[Index, str]:
    """Of what an export is scored on, and the split."""
    if opening.gold is not None:
        return read_index(opening.gold), GOLD_SPLIT
    return read_index(shard_folder(_own_shards(opening))), opening.split


def _own_shards(opening: Opening) -> str | Path | Address:
    if opening.shards is not None:
        return opening.shards
    origin = read_record(opening.model).fields.get("origin")
    try:
        return str(origin["config"]["data"]["shards"])  # type: ignore[index]
    except (KeyError, TypeError) as error:
        raise UserError(f"{opening.model}: does not say on which shards it was trained") from error


def _in_processes(opening: Opening, wanted: Wanted, number: int) -> Scored:
    # Late, because most commands do without. Unlike those of multiprocessing, its processes do not run the caller's
    # script again.
    from loky import ProcessPoolExecutor

    if opening.gold is None:
        # The same build for all, whatever is published meanwhile.
        opening = dataclasses.replace(opening, shards=shard_folder(_own_shards(opening)))
    pool = ProcessPoolExecutor(number, initializer=_ignore_interrupts, env={"OMP_NUM_THREADS": "1"})
    try:
        futures = [pool.submit(_score_part, opening, wanted, rank, number) for rank in range(number)]
        parts = [_result(future) for future in futures]
    except BaseException:
        pool.shutdown(kill_workers=True)
        raise
    pool.shutdown()
    return scored(_summed(parts), [part.lines for part in parts])


def _score_part(opening: Opening, wanted: Wanted, rank: int, number: int) -> ScoredPart:
    """In another process."""
    return score_part(opening, wanted, _Part(rank, number))


def _result(future: Future[ScoredPart]) -> ScoredPart:
    # In short turns, so that Ctrl-C is noticed.
    while True:
        try:
            return future.result(_POLL_S)
        except NotYet:
            continue


def _summed(parts: Sequence[ScoredPart]) -> ScoredPart:
    counts = functools.reduce(operator.add, (part.counts for part in parts))
    characters: list[CharacterCounts] = [part.characters for part in parts if part.characters is not None]
    whole = functools.reduce(operator.add, characters) if characters else None
    return parts[0]._replace(counts=counts, characters=whole)


def _ignore_interrupts() -> None:
    """The parent ends its processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
