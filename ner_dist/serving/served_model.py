"""One version of a model at work: a worker for small requests, a process for large ones, and who is using them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ner_dist.prediction import Tagger
from ner_dist.prediction.identity import ModelIdentity
from ner_dist.serving.answers import Answered, answer, answer_lines
from ner_dist.serving.batching import TaggingWorker
from ner_dist.serving.large_requests import LargeRequests
from ner_dist.serving.metrics import BatchCounts, Metrics
from ner_dist.serving.settings import BatchSettings, Limits


class Loads(NamedTuple):
    """What loads a tagger, in this process and in that for large requests, which is pickled; None: no such process."""

    small: Callable[[], Tagger]
    large: Callable[[], Tagger] | None


class ServedModel:
    """Requests that have begun with it are answered by it alone, also when a new version answers those that follow."""

    def __init__(self, loads: Loads, batches: BatchSettings, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._num_users = 0
        self._unused: asyncio.Event | None = None
        self.worker = TaggingWorker(loads.small, batches, limits, self._count)
        self.large = None if loads.large is None else LargeRequests(loads.large, batches, limits, self._count)

    @property
    def identity(self) -> ModelIdentity:
        return self.worker.identity

    async def start(self) -> None:
        """Load it, in both processes at the same time. Raises whatever loading raises, and leaves nothing behind."""
        try:
            if self.large is not None:
                await asyncio.get_running_loop().run_in_executor(None, self.large.start)
            await asyncio.wrap_future(self.worker.begin())
            if self.large is not None:
                await self.large.until_ready(self.identity.sha256)
        except BaseException:
            self.refuse()
            self.end_process()
            raise

    async def retire(self) -> None:
        """End when the requests that have begun are answered."""
        self._unused = asyncio.Event()
        if self._num_users:
            await self._unused.wait()
        self.refuse()
        await asyncio.get_running_loop().run_in_executor(None, self.end_process)

    def refuse(self) -> None:
        """Refuse what waits, and whatever may come."""
        self.worker.close()
        if self.large is not None:
            self.large.refuse()

    def end_process(self) -> None:
        """End that for large requests at once."""
        if self.large is not None:
            self.large.close()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        self._num_users += 1
        try:
            yield
        finally:
            self._num_users -= 1
            if not self._num_users and self._unused is not None:
                self._unused.set()

    async def answer(self, body: bytes) -> Answered:
        """Raises Refused. If cancelled, its texts are dropped."""
        if self.large is not None and len(body) > self._limits.light_body:
            return await self.large.answer(body)
        return await answer(body, self.worker, self._limits)

    async def answer_lines(self, first: int, lines: list[bytes]) -> Answered:
        """The answers to lines of a batch, of which `first` is the number of the first. Raises Refused, if to all."""
        if self.large is not None:
            return await self.large.answer_lines(first, lines)
        return await answer_lines(first, lines, self.worker, self._limits)

    def complaint(self) -> str | None:
        """Why it cannot tag, if so."""
        if not self.worker.alive:
            return "the tagger's thread has ended"
        if self.worker.busy_s > self._limits.timeout_s:
            return f"the tagger has been working on one batch for {self.worker.busy_s:.0f} seconds"
        return None

    def _count(self, counts: BatchCounts) -> None:
        self._metrics.batch(self.identity, counts)
