"""One merge in a process of its own: CPU seconds, memory, and bytes."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist.cli.options import option


@dataclasses.dataclass(frozen=True)
class MergesOptions:
    """Measure the merges of a preparation on made-up summaries of partitions."""

    tokens: float = 1e11
    """tokens of the corpus"""
    partitions: int = option(10_000, least=1)
    """its partitions"""
    shards: int = option(4096, least=1)
    """shards of each split"""
    buckets: int = option(32, least=1)
    """length buckets"""
    max_words: int = option(1_000_000, least=1)
    """words of the vocabulary"""
    sample: int = option(100, least=1)
    """merge every N-th word"""


class Merge(NamedTuple):
    name: str
    # Of one merge: CPU seconds, memory beyond that of the process before, bytes read and written.
    cpu_s: float
    peak_bytes: float
    read_bytes: float
    written_bytes: float = 0
    # How many there are; several are on workers.
    times: int = 1


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


def _measured(function: Callable[..., Any], arguments: tuple[Any, ...], connection: Any) -> None:
    before, began = _peak_bytes(), time.process_time()
    result = function(*arguments)
    connection.send((result, time.process_time() - began, _peak_bytes() - before))


def alone(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """What a function returns in a process of its own, its CPU seconds, and the bytes by which it raised the peak."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_measured, args=(function, arguments, sender))
    child.start()
    sender.close()
    found = receiver.recv()
    child.join()
    return tuple(found)
