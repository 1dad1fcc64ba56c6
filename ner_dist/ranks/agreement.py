"""Whether ranks agree: on what they are about to do, and on what they have computed.

Ranks that differ would train on, each with its own part of a wrong result, so a difference ends the job. Every rank
must make the same calls, and all of them raise.
"""

from __future__ import annotations

import functools
import hashlib
import platform
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ner_dist.ranks.board import cleaned
from ner_dist.ranks.comm import Comm, JobError

_PACKAGE = Path(__file__).resolve().parents[1]
# 32 KB, which stay in the processor's cache.
_COLUMNS = 4096
_MOST_DIFFERENCES = 5


def start_facts(knobs: Mapping[str, object], shards: str, versions: Mapping[str, str]) -> dict[str, str]:
    """What all ranks must have in common before they train. shards: the fingerprint of the index."""
    facts = {f"--{name}": repr(value) for name, value in knobs.items()}
    facts["the shards' fingerprint"] = shards
    facts["the code's checksum"] = code_checksum()
    return {**facts, **{f"the version of {name}": version for name, version in versions.items()}}


def require_agreement(comm: Comm, facts: Mapping[str, str], advice: str) -> None:
    """Raises JobError on every rank if a fact differs; its sentence names the facts, and each rank's value and host.

    advice: what to do about it.
    """
    if comm.num_ranks == 1:
        return
    found = comm.gather_objects((platform.node(), dict(facts)))
    names = dict.fromkeys(name for _, of_rank in found for name in of_rank)
    different = [name for name in names if len({of_rank.get(name) for _, of_rank in found}) > 1]
    if not different:
        return
    shown = [f"{name}: {_by_value(name, found)}" for name in different[:_MOST_DIFFERENCES]]
    more = f"; and {len(different) - len(shown)} more" if len(different) > len(shown) else ""
    raise JobError(f"the ranks differ in {'; '.join(shown)}{more}; {advice}")


SAME_START = "give every host the same files, configuration and environment"


def same_state(steps: int, agreed_steps: int, run: str) -> str:
    """Advice for ranks that differ in what they have computed. agreed_steps: when they agreed for the last time."""
    return (
        f"after {steps} steps; what was saved after step {agreed_steps} may be wrong; look for failing memory or for "
        f"different processors, and continue from a checkpoint of {run} that is older, or start again"
    )


def _by_value(name: str, found: list[tuple[str, dict[str, str]]]) -> str:
    """Each value with the ranks that have it; those of most ranks first."""
    ranks = defaultdict(list)
    for rank, (host, facts) in enumerate(found):
        ranks[facts.get(name, "nothing")].append((rank, host))
    parts = []
    for value, owners in sorted(ranks.items(), key=lambda item: -len(item[1])):
        names = ", ".join(f"{rank} ({host})" for rank, host in owners[:8]) + ", ..." * (len(owners) > 8)
        parts.append(f"{cleaned(value[:100])} on rank{'s' * (len(owners) > 1)} {names}")
    return ", ".join(parts)


@functools.lru_cache(maxsize=1)
def code_checksum() -> str:
    """SHA-256 of the package's sources, by their names."""
    total = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        total.update(f"{path.relative_to(_PACKAGE).as_posix()}\n".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """A checksum of numbers that ranks have computed, as fast as memory can be read.

    Whatever differs in one place is found. It is no protection against intent: changes that cancel each other out in
    the sums, such as rows exchanged at a distance of a multiple of 32 KB, are not found.
    """
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        data = array.reshape(-1).view(np.uint8)
        num_words = len(data) // 8
        whole = num_words // _COLUMNS * _COLUMNS
        words = data[: 8 * num_words].view(np.uint64)
        if whole:
            # Sums of unsigned numbers wrap around.
            total.update(words[:whole].reshape(-1, _COLUMNS).sum(axis=0, dtype=np.uint64).tobytes())
        total.update(data[8 * whole :].tobytes())
    return total.hexdigest()[:16]
