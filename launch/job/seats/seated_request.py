"""What a launcher for a cluster asks of the process that runs one attempt of its job."""

from __future__ import annotations

from typing import Any, NamedTuple


class SeatedRequest(NamedTuple):
    """It is written on a command line, as JSON, so it holds nothing secret."""

    num_ranks: int
    cpus_per_rank: int
    gpus_per_rank: int
    # Of the kind of cluster.
    options: dict[str, Any]
    # Between the ranks; empty: the one towards the launcher.
    interface: str
    # How long room for the ranks may be waited for.
    wait_s: float
    grace_s: float
    stopped_s: float
    shards: str
    run: str
    # All places that the job file and the command line name, these two among them.
    places: list[str]
