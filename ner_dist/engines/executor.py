"""What a stage of tasks asks of the engine that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ner_dist.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

# Called with what has been done since the last call, in whatever a stage counts: bytes, tokens.
Advance = Callable[[int], object]


class EngineError(UserError):
    """An engine that failed, or is not there; finished tasks are kept, and the same command goes on from them."""


class Executor(Protocol):
    """Runs the tasks of one stage after another."""

    # How many tasks run at the same time, as far as it is known; at least 1. For sizing, never for what is built.
    num_workers: int

    def run(
        self,
        stage: str,
        function: Callable[[Task, Advance], Result],
        tasks: Sequence[Task],
        progress: Advance | None = None,
    ) -> list[Result]:
        """What `function` returns for each task, in the order of the tasks.

        stage: a name of its own for each call, which may be a file's name; finished tasks are kept under it.
        function: of a module's top level, a pure function of its task and of files; it may run more than once for a
            task, even at the same time, so what it leaves on disk must be the same each time and be written by
            ner_dist.atomic_file.
        tasks: small values that can be pickled, as the results are; what is large goes through files in the folder
            that all workers see.
        progress: called in this process with what all tasks together have done since the last call.

        Raises what `function` raised, of several tasks that failed the first one's; EngineError if the engine failed.
        """
        ...
