"""The name of an engine, as the user gives it -> an executor that is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from ner_dist.engines.dask_cluster import dask_pool
from ner_dist.engines.executor import EngineError, Executor
from ner_dist.engines.one_process import OneProcess
from ner_dist.engines.process_memory import GB
from ner_dist.engines.processes import processes
from ner_dist.engines.ray_cluster import ray_pool
from ner_dist.engines.stage_executor import Pool, StageExecutor


class EngineChoice(NamedTuple):
    """What the user says about engines."""

    # A name of ENGINES, or the address of a cluster.
    engine: str = "processes"
    # Tasks at the same time; a cluster of the user's has its own number.
    workers: int = 1
    # The most memory that a worker may take, in GB; None: no limit.
    worker_memory_gb: float | None = None

    @property
    def is_this_process(self) -> bool:
        """Whether all runs in this process, so that no folder needs to be kept for other workers."""
        return self.engine == "processes" and self.workers == 1 and self.worker_memory_gb is None

    def check(self) -> None:
        """Raises EngineError for what makes no sense."""
        if self.engine not in ENGINES and not _is_address(self.engine):
            expected = ", ".join([*ENGINES, *(f"{scheme}HOST:PORT" for scheme in _SCHEMES)])
            raise EngineError(f"--engine {self.engine}: no such engine, expected one of {expected}")
        if self.workers < 1:
            raise EngineError(f"--workers must be at least 1, not {self.workers}")
        if self.worker_memory_gb is None:
            return
        if self.worker_memory_gb < MIN_MEMORY_GB:
            raise EngineError(f"--worker-memory-gb must be at least {MIN_MEMORY_GB}, not {self.worker_memory_gb:g}")
        if self.engine.startswith("ray"):
            raise EngineError("--worker-memory-gb is not for --engine ray, which ends workers as memory runs short")
        if _is_address(self.engine):
            what = f"--worker-memory-gb is for workers that are started here, and those of {self.engine} run already"
            raise EngineError(f"{what}; bound theirs as they are started, such as by dask worker --memory-limit")


ENGINES = ("processes", "dask", "ray")
# Of clusters that run already.
_DASK = "dask://"
_SCHEMES = (_DASK, "ray://")
# Less would not hold the modules that a worker loads.
MIN_MEMORY_GB = 0.25


def _is_address(engine: str) -> bool:
    scheme = next(filter(engine.startswith, _SCHEMES), "")
    host, _, port = engine[len(scheme) :].rpartition(":")
    return bool(scheme and host) and port.isdecimal()


@contextmanager
def open_executor(choice: EngineChoice, work: Path) -> Iterator[Executor]:
    """The engine, ready to run; no worker that was started here is left when the context ends, whatever ends it.

    work: a folder that all workers see, for finished tasks. Raises EngineError if the engine is not there.
    """
    choice.check()
    if choice.is_this_process:
        yield OneProcess()
        return
    memory_bytes = int((choice.worker_memory_gb or 0) * GB)
    opened: AbstractContextManager[Pool]
    if choice.engine == "processes":
        opened = processes(choice.workers, memory_bytes)
    elif choice.engine.startswith("ray"):
        opened = ray_pool(choice.engine if _is_address(choice.engine) else None, choice.workers)
    else:
        address = choice.engine[len(_DASK) :] if _is_address(choice.engine) else None
        opened = dask_pool(address, choice.workers, memory_bytes, work)
    with opened as pool:
        yield StageExecutor(pool, work)
