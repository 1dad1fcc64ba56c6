"""The environment of one rank, decided here alone: its threads, memory and caches, and the device it computes on.

`prepare` must run before MXNet is imported, because MXNet reads the variables once, while loading.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from typing import Any, NamedTuple

from ner_dist.errors import UserError
from ner_dist.ranks import cgroup, gpu, python_environment


class DeviceError(UserError):
    """The device that was asked for is not there, or MXNet cannot compute on it."""


def prepare() -> int:
    """Give each rank of this host its share of the cores, unless the user set OMP_NUM_THREADS. Returns the count.

    More threads than cores is ruinous: the ranks' OpenMP teams then wait for each other in every operator.
    Raises DeviceError where MXNet could not be imported, for a reason that is known.
    """
    complaint = python_environment.complaint()
    if complaint is not None:
        raise DeviceError(complaint)
    # The cores this process may use, which a container or a batch system may have narrowed.
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]
    local_ranks = int(os.environ.get("HOROVOD_LOCAL_SIZE", "1"))
    # What a container may take of their time, which no affinity shows.
    quota = cgroup.cpu_quota()
    num_cores = len(cores) if quota is None else min(len(cores), int(quota))
    share = max(1, num_cores // local_ranks)
    threads = os.environ.setdefault("OMP_NUM_THREADS", str(share))
    # Cores that someone has narrowed may be a rank's own already, and stay as they are.
    all_mine_to_share = num_cores == os.cpu_count() and local_ranks * share <= num_cores
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
    first = _local_rank() * share
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

    auto takes GPUs if the host has them for all its ranks and MXNet can compute on them, else the CPU, and then says
    why if there is something to mend. Raises DeviceError if gpu was asked for and cannot be, or if auto would divide
    the host's ranks between GPUs and the CPU.
    """
    import mxnet as mx

    if wanted == "cpu":
        return mx.cpu()
    obstacle = _obstacle(mx)
    if obstacle is None:
        return mx.gpu(_local_rank())
    if wanted == "gpu":
        raise DeviceError(f"a GPU was asked for, but {obstacle.sentence}")
    if obstacle.divides:
        raise DeviceError(f"{obstacle.sentence}; or compute on the CPU: --train.device cpu (to evaluate, --device cpu)")
    if obstacle.worth_telling:
        _tell(f"computing on the CPU: {obstacle.sentence}")
    return mx.cpu()


class _Obstacle(NamedTuple):
    """Why this rank cannot compute on its GPU."""

    sentence: str
    # Whether other ranks of the host could.
    divides: bool = False
    # Whether the host has something that could compute, or should.
    worth_telling: bool = True


def _obstacle(mx: Any) -> _Obstacle | None:
    """The first that there is. MXNet is asked last: on a GPU it has no code for, it fails as late as in a kernel."""
    is_gpu_build = mx.runtime.Features().is_enabled("CUDA")
    try:
        driver = gpu.driver()
    except gpu.NoDriver as error:
        return _Obstacle(str(error), worth_telling=False)
    except gpu.DriverError as error:
        return _Obstacle(str(error), worth_telling=is_gpu_build)
    if not driver.gpus:
        return _Obstacle(gpu.why_none(), worth_telling=is_gpu_build)
    num_ranks, num_gpus = int(os.environ.get("HOROVOD_LOCAL_SIZE", "1")), len(driver.gpus)
    unfit = gpu.verdict_of_driver(driver.version) or next(filter(None, map(gpu.verdict, driver.gpus[:num_ranks])), None)
    if unfit is not None:
        return _Obstacle(unfit)
    if not is_gpu_build:
        return _Obstacle(
            f"this MXNet has no GPU build, although {driver.gpus[0]} would do; `make setup-gpu` installs one"
        )
    if num_ranks > num_gpus:
        return _Obstacle(
            f"{num_ranks} ranks of this host want a GPU each, and it has {num_gpus}; start {num_gpus} a host",
            divides=True,
        )
    # Asked alike on every rank of the host, as all before.
    try:
        num_seen = mx.context.num_gpus()
    except mx.base.MXNetError as error:
        return _Obstacle(f"MXNet cannot use the NVIDIA driver ({str(error).strip().splitlines()[-1]}); update it")
    if num_seen < num_ranks:
        return _Obstacle(f"MXNet sees {num_seen} of the {num_gpus} GPUs that the driver names; look at nvidia-smi")
    warning = gpu.warning_of_driver(driver.version)
    if warning is not None:
        _tell(warning)
    return None


def _local_rank() -> int:
    return int(os.environ.get("HOROVOD_LOCAL_RANK", "0"))


def _tell(sentence: str) -> None:
    """Once a host: on its first rank's stderr and, of every rank, in the log."""
    logging.getLogger("ner_dist").warning("%s", sentence)
    if _local_rank() == 0:
        print(f"note: {sentence}", file=sys.stderr, flush=True)
