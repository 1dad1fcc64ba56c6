"""The name of an engine, as the user gives it -> an executor that is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from data_prep.engines.executor import EngineError, Executor
from data_prep.engines.one_process import OneProcess
from data_prep.engines.process_memory import GB
from data_prep.engines.processes import Processes
from data_prep.engines.stage_executor import StageExecutor


class EngineChoice(NamedTuple):
    """What the user says about engines."""

    # "processes", or another engine's name.
    engine: str = "processes"
    # Tasks at the same time.
    workers: int = 1
    # The most memory that a worker may take, in GB; None: no limit.
    worker_memory_gb: float | None = None

    @property
    def is_this_process(self) -> bool:
        """Whether all runs in this process, so that no folder needs to be kept for other workers."""
        return self.engine == "processes" and self.workers == 1 and self.worker_memory_gb is None

    def check(self) -> None:
        """Raises EngineError for what makes no sense."""
        if self.engine != "processes":
            raise EngineError(f"--engine {self.engine}: no such engine, expected processes")
        if self.workers < 1:
            raise EngineError(f"--workers must be at least 1, not {self.workers}")
        if self.worker_memory_gb is not None and self.worker_memory_gb < MIN_MEMORY_GB:
            raise EngineError(f"--worker-memory-gb must be at least {MIN_MEMORY_GB}, not {self.worker_memory_gb:g}")


# Less would not hold the modules that a worker loads.
MIN_MEMORY_GB = 0.25


@contextmanager
def open_executor(choice: EngineChoice, work: Path) -> Iterator[Executor]:
    """The engine, ready to run; no worker is left when the context ends, whatever ends it.

    work: a folder that all workers see, for finished tasks. Raises EngineError if the engine is not there.
    """
    choice.check()
    if choice.is_this_process:
        yield OneProcess()
        return
    pool = Processes(choice.workers, int((choice.worker_memory_gb or 0) * GB))
    try:
        yield StageExecutor(pool, work)
    finally:
        pool.close()
