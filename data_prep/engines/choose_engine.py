"""The name of an engine, as the user gives it -> an executor that is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from data_prep.engines.executor import EngineError, Executor
from data_prep.engines.one_process import OneProcess


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
        return self.engine == "processes" and self.workers == 1


@contextmanager
def open_executor(choice: EngineChoice, work: Path) -> Iterator[Executor]:
    """The engine, ready to run; no worker is left when the context ends, whatever ends it.

    work: a folder that all workers see, for finished tasks. Raises EngineError if the engine is not there.
    """
    if not choice.is_this_process:
        raise EngineError(f"--engine {choice.engine} --workers {choice.workers}: only one worker is possible here")
    yield OneProcess()
