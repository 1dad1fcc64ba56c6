"""The environment of one rank, decided here alone: its threads, memory and caches, and the device it computes on.

`prepare` must run before MXNet is imported, because MXNet reads the variables once, while loading.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from ner_dist.errors import UserError


class DeviceError(UserError):
    """The device that was asked for is not there."""


def prepare() -> int:
    """Give each rank of this host its share of the cores, unless the user set OMP_NUM_THREADS. Returns the count.

    More threads than cores is ruinous: the ranks' OpenMP teams then wait for each other in every operator.
    """
    # The cores this process may use, which a container or a batch system may have narrowed.
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]
    local_ranks = int(os.environ.get("HOROVOD_LOCAL_SIZE", "1"))
    share = max(1, len(cores) // local_ranks)
    threads = os.environ.setdefault("OMP_NUM_THREADS", str(share))
    # Cores that someone has narrowed may be a rank's own already, and stay as they are.
    all_mine_to_share = len(cores) == os.cpu_count() and local_ranks * share <= len(cores)
    if local_ranks > 1 and all_mine_to_share and int(threads.split(",")[0]) <= share:
        _bind(cores, share)
    # Operators are so short that a thread which sleeps in between wakes up too late: two were slower than one. But
    # where ranks share a host, Horovod's threads need the cores that waiting threads would burn.
    os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE" if local_ranks == 1 else "PASSIVE")
    # oneDNN keeps what it compiles for each shape, by default for ever; batches come in ever new shapes.
    os.environ.setdefault("MXNET_MKLDNN_CACHE_NUM", "200")
    _keep_memory()
    # OpenMP takes a list, too: one number a level of nesting.
    return int(threads.split(",")[0])


def _bind(cores: list[int], share: int) -> None:
    """Keep this rank to cores of its own; NER_BIND_CORES=0 leaves it where the system puts it.

    Horovod's thread wakes up every millisecond, and else drives another rank from its core: ranks that are bound
    train 7 to 12 % faster.
    """
    first = int(os.environ.get("HOROVOD_LOCAL_RANK", "0")) * share
    if os.environ.get("NER_BIND_CORES") != "0":
        os.sched_setaffinity(0, cores[first : first + share])


# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def _keep_memory() -> None:
    """Let glibc keep what a step frees for the next one, in one heap: giving it back and forth took 4 % of the time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
        mallopt(_M_ARENA_MAX, 1)


def choose_device(wanted: str) -> Any:
    """The MXNet context of this rank: auto, cpu or gpu. On a GPU host the rank takes the GPU of its local number.

    Raises DeviceError if gpu was asked for and there is none for this rank.
    """
    import mxnet as mx

    local_rank = int(os.environ.get("HOROVOD_LOCAL_RANK", "0"))
    num_gpus = mx.context.num_gpus() if wanted != "cpu" else 0
    if num_gpus > local_rank:
        return mx.gpu(local_rank)
    if wanted == "gpu":
        raise DeviceError(
            f"a GPU was asked for: rank {local_rank} of this host needs GPU {local_rank}, MXNet sees {num_gpus}; "
            "start fewer ranks a host, or install the GPU build of MXNet (README, GPU)"
        )
    return mx.cpu()
