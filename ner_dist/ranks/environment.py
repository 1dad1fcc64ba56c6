"""The environment of a rank: its threads, memory and caches, its device, and whether ranks can compute together there.

`prepare` must run before MXNet is imported, because MXNet reads the variables once, when it is loaded.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
from typing import Any, NamedTuple

from ner_dist.errors import UserError
from ner_dist.ranks import cgroup, core_binding, gpu, python_environment

# Pauses of the processor, of about 50 ns each, after which a waiting thread sleeps.
_SPINS = "1000"


class DeviceError(UserError):
    """The requested device does not exist, or MXNet cannot compute on it."""


def prepare() -> int:
    """Give each rank of this host its share of the cores, unless OMP_NUM_THREADS is set. Returns its threads.

    With more threads than cores, the ranks' OpenMP teams would wait for each other in every operator.
    Raises DeviceError if MXNet cannot be imported, for a known reason.
    """
    complaint = python_environment.complaint()
    if complaint is not None:
        raise DeviceError(complaint)
    # Those that this process may use, which a container or a batch system may have restricted.
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]
    local_ranks = int(os.environ.get("HOROVOD_LOCAL_SIZE", "1"))
    # A container's share of their time, which the affinity does not show.
    quota = cgroup.cpu_quota()
    num_cores = len(cores) if quota is None else min(len(cores), int(quota))
    share = max(1, num_cores // local_ranks)
    threads = os.environ.setdefault("OMP_NUM_THREADS", str(share))
    # Restricted cores may already be a rank's own, so they are left as they are.
    all_cores_are_ours = num_cores == os.cpu_count() and local_ranks * share <= num_cores
    wish = os.environ.get("NER_BIND_CORES")
    if local_ranks > 1 and all_cores_are_ours and int(threads.split(",")[0]) <= share and wish != "0":
        # Horovod's thread wakes up every millisecond and would displace another rank from its core: ranks bound to
        # cores of their own train 7 to 12 % faster, as long as nobody else computes there. NER_BIND_CORES=0 leaves them
        # to the system, and 1 keeps them bound.
        first = _local_rank() * share
        core_binding.bind(cores[first : first + share], cores, for_good=wish == "1")
    _choose_waits(local_ranks)
    # oneDNN keeps what it compiles for each shape, by default forever, and batches always come in new shapes.
    os.environ.setdefault("MXNET_MKLDNN_CACHE_NUM", "200")
    _keep_memory()
    # OpenMP also accepts a list, with one number per level of nesting.
    return int(threads.split(",")[0])


WITHOUT_MXNET = (
    "training, and whatever reads a run, needs MXNet, which is not installed; on Linux with Python 3.9 to 3.11 run "
    "make setup or pip install 'ner-dist[train]'; an export (python -m ner_dist.export) needs none"
)


def require_mxnet() -> None:
    """Raises DeviceError unless MXNet is installed."""
    if importlib.util.find_spec("mxnet") is None:
        raise DeviceError(WITHOUT_MXNET)


def _choose_waits(local_ranks: int) -> None:
    """How OpenMP's threads wait for each other, unless the user has chosen: it changes no results, only the speed.

    Operators are so short that threads that sleep between them wake up too late: two were as slow as one. But a thread
    that waits actively takes the core from one that has something to do, if there are other processes: so it waits as
    long as the system needs to put it to sleep and wake it, then sleeps. With several ranks on a host, all sleep,
    because Horovod's threads need the cores.
    """
    if "OMP_WAIT_POLICY" in os.environ:
        return
    os.environ["OMP_WAIT_POLICY"] = "ACTIVE" if local_ranks == 1 else "PASSIVE"
    if local_ranks == 1:
        # MXNet comes with GCC's libgomp, which without this waits for hours as long as there are no more threads than
        # cores.
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def _keep_memory() -> None:
    """Let glibc keep memory that a step frees, in one heap: returning and requesting it took 4 % of the time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_ARENA_MAX, from malloc.h.
        for parameter, value in ((-3, 32 << 20), (-1, 1 << 30), (-8, 1)):
            mallopt(parameter, value)


def choose_device(wanted: str) -> Any:
    """The MXNet context of this rank. wanted: auto, cpu or gpu, which is the GPU with the rank's local number.

    auto takes GPUs if the host has one for each of its ranks and MXNet can compute on them, else the CPU, with a note
    if there is something to repair. Raises DeviceError if gpu is impossible, or if auto would divide the host's ranks
    between GPUs and the CPU.
    """
    from ner_dist.ranks.lean_mxnet import mx

    if wanted == "cpu":
        return mx.cpu()
    obstacle = _obstacle(mx)
    if obstacle is None:
        return mx.gpu(_local_rank())
    if wanted == "gpu":
        raise DeviceError(f"a GPU was asked for, but {obstacle.sentence}")
    if obstacle.divides:
        raise DeviceError(f"{obstacle.sentence}; or compute on the CPU: --train.device cpu (to evaluate, --device cpu)")
    if obstacle.worth_a_note:
        _note(f"computing on the CPU: {obstacle.sentence}")
    return mx.cpu()


class _Obstacle(NamedTuple):
    """Why this rank cannot compute on its GPU."""

    sentence: str
    # Whether other ranks of the host could.
    divides: bool = False
    # Whether the host has a GPU or a build that should compute.
    worth_a_note: bool = True


def _obstacle(mx: Any) -> _Obstacle | None:
    """The first one found. MXNet is asked last, because with a GPU it has no code for it fails only in a kernel."""
    is_gpu_build = mx.runtime.Features().is_enabled("CUDA")
    try:
        driver = gpu.driver()
    except gpu.NoDriver as error:
        return _Obstacle(str(error), worth_a_note=False)
    except gpu.DriverError as error:
        return _Obstacle(str(error), worth_a_note=is_gpu_build)
    if not driver.gpus:
        return _Obstacle(gpu.why_none(), worth_a_note=is_gpu_build)
    num_ranks, num_gpus = int(os.environ.get("HOROVOD_LOCAL_SIZE", "1")), len(driver.gpus)
    unfit = gpu.verdict_of_driver(driver.version) or next(filter(None, map(gpu.verdict, driver.gpus[:num_ranks])), None)
    if unfit is not None:
        return _Obstacle(unfit)
    if not is_gpu_build:
        return _Obstacle(
            f"this MXNet is not a GPU build, although it could use {driver.gpus[0]}; `make setup-gpu` installs one"
        )
    if num_ranks > num_gpus:
        return _Obstacle(
            f"the {num_ranks} ranks of this host need a GPU each, and it has {num_gpus}; start {num_gpus} per host",
            divides=True,
        )
    # Every rank of the host gets the same answer, as before.
    try:
        num_seen = mx.context.num_gpus()
    except mx.base.MXNetError as error:
        return _Obstacle(f"MXNet cannot use the NVIDIA driver ({str(error).strip().splitlines()[-1]}); update it")
    if num_seen < num_ranks:
        return _Obstacle(f"MXNet sees {num_seen} of the {num_gpus} GPUs that the driver names; check nvidia-smi")
    warning = gpu.warning_of_driver(driver.version)
    if warning is not None:
        _note(warning)
    return None


def _local_rank() -> int:
    """Which of the host's ranks this is; in an elastic job, which of its places, since ranks change."""
    return int(os.environ.get("NER_SLOT") or os.environ.get("HOROVOD_LOCAL_RANK", "0"))


def _note(sentence: str) -> None:
    """Print it on the first rank of each host, and log it on every rank."""
    logging.getLogger("ner_dist").warning("%s", sentence)
    if _local_rank() == 0:
        print(f"note: {sentence}", file=sys.stderr, flush=True)
