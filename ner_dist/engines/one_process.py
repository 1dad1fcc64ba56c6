"""The executor with one worker, which is this process: nothing is pickled and nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ner_dist.engines.executor import Advance, Result, Task


class OneProcess:
    """An Executor."""

    num_workers = 1

    def run(
        self,
        stage: str,
        function: Callable[[Task, Advance], Result],
        tasks: Sequence[Task],
        progress: Advance | None = None,
    ) -> list[Result]:
        advance = progress or (lambda done: None)
        return [function(task, advance) for task in tasks]
