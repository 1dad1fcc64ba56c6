"""An executor over the workers of any engine: order, first errors, finished tasks that are kept, and progress."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ner_dist.engines.call import Call, Done
from ner_dist.engines.executor import Advance, EngineError, Result, Task
from ner_dist.engines.finished_tasks import FinishedTasks
from ner_dist.engines.progress_files import NOTE_S, Meter


class Coming(Protocol):
    """A result that is to come, as concurrent.futures has it, and Dask."""

    def add_done_callback(self, fn: Callable[[Any], Any]) -> Any: ...

    def cancel(self) -> Any: ...


class Pool(Protocol):
    """The workers of an engine."""

    num_workers: int
    # For each task.
    num_cores: int

    def submit(self, call: Call) -> Coming:
        """Have a worker `perform` the call, and another one if that dies."""
        ...

    def result(self, coming: Any) -> Done:
        """Of a call that is over. Raises as `perform` does, and EngineError if no worker could finish it."""
        ...

    def check(self) -> None:
        """Raises EngineError if nothing is to be expected any more."""
        ...


class StageExecutor:
    """An Executor."""

    def __init__(self, pool: Pool, work: Path) -> None:
        self.num_workers = pool.num_workers
        self._pool, self._work = pool, work

    def run(
        self,
        stage: str,
        function: Callable[[Task, Advance], Result],
        tasks: Sequence[Task],
        progress: Advance | None = None,
    ) -> list[Result]:
        kept, meter = FinishedTasks(self._work, stage), Meter(self._work / "progress", stage, progress)
        finished: dict[int, Done] = {}
        for number, task in enumerate(tasks):
            done = kept.read(number, function, task)
            if done is not None:
                finished[number] = done
                meter.finished(number, done.advanced)
        here = os.getcwd()
        running = {
            number: self._pool.submit(
                Call(stage, number, function, task, str(self._work), here, self._pool.num_cores, progress is not None)
            )
            for number, task in enumerate(tasks)
            if number not in finished
        }
        for number, done in self._as_finished(running, meter):
            kept.write(number, function, tasks[number], done)
            finished[number] = done
            meter.finished(number, done.advanced)
        return [finished[number].result for number in range(len(tasks))]

    def _as_finished(self, running: dict[int, Coming], meter: Meter) -> Iterator[tuple[int, Done]]:
        """Number and result of each call as it is done; in the end raises the error of the first one that failed."""
        over: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number, coming in running.items():
            coming.add_done_callback(partial(_tell, over, number))
        failed: dict[int, Exception] = {}
        while running:
            try:
                number = over.get(timeout=NOTE_S)
            except queue.Empty:
                self._pool.check()
                meter.look()
                continue
            if number not in running:
                continue
            coming = running.pop(number)
            try:
                yield number, self._pool.result(coming)
            except EngineError:
                raise
            except Exception as error:
                failed[number] = error
                # Those after the first one that failed do not matter any more.
                for later in [later for later in running if later > number]:
                    running.pop(later).cancel()
        if failed:
            raise failed[min(failed)]


def _tell(over: queue.SimpleQueue[int], number: int, coming: object) -> None:
    """Called in another thread."""
    over.put(number)
