"""One thread owns the tagger; texts that arrive while it works are tagged together as the next batch."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Union

from ner_dist.errors import UserError
from ner_dist.prediction import Document, Tagger
from ner_dist.serving.fair_queue import FairQueue
from ner_dist.serving.metrics import BatchCounts
from ner_dist.serving.request import Refused, Taggable
from ner_dist.serving.settings import BatchSettings, Limits

STOPPING = "the server is stopping; try again later"
FAILED = "the server failed at this; its log has the reason"

log = logging.getLogger("ner_dist.serving")


@dataclasses.dataclass(eq=False)
class _Job:
    """The texts of one request; two jobs are never equal."""

    texts: list[Taggable]
    # Done before all texts are tagged if the client is gone, its time is over, or one of its texts has failed.
    answer: asyncio.Future[list[Document]]
    # How many of its texts the worker has taken, and those that are tagged.
    taken: int = 0
    # Whether its sentences are to have their confidence.
    certainty: bool = False
    tagged: list[Document] = dataclasses.field(default_factory=list)


_Outcome = Union[Document, Refused]


class TaggingWorker:
    def __init__(
        self,
        load: Callable[[], Tagger],
        settings: BatchSettings,
        limits: Limits,
        count: Callable[[BatchCounts], None],
    ) -> None:
        """load: called in the worker's thread, the only one to use what it returns. count: called there, too."""
        self._load, self._settings, self._limits, self._count = load, settings, limits, count
        # Guards all below.
        self._changed = threading.Condition()
        self._jobs: FairQueue[_Job] = FairQueue()
        self._closed = False
        self._has_complained = False
        self._num_known = 0
        self._busy_since_s = math.inf
        self._loading: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="tagger", daemon=True)

    def start(self) -> None:
        """Load the tagger; raises whatever loading it raises."""
        self.begin().result()

    def begin(self) -> concurrent.futures.Future[None]:
        """Begin to load the tagger; the future raises whatever loading it raises."""
        # So that nobody who gives up waiting for it takes it away from the thread.
        self._loading.set_running_or_notify_cancel()
        self._thread.start()
        return self._loading

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._closed

    @property
    def num_waiting(self) -> int:
        """Texts that no batch has taken yet."""
        return self._jobs.num_waiting

    @property
    def busy_s(self) -> float:
        """How long it has been working on the current batch; 0 between batches."""
        return max(0.0, time.monotonic() - self._busy_since_s)

    async def tag(self, texts: list[Taggable], certainty: bool = False) -> list[Document]:
        """The documents with their entities. If cancelled, its texts leave the queue. Raises Refused.

        certainty: whether their sentences have their confidence, too.
        """
        if not texts:
            return []
        job = _Job(texts, asyncio.get_running_loop().create_future(), certainty=certainty)
        with self._changed:
            if self._closed:
                raise Refused(503, STOPPING)
            # A request larger than the queue is accepted if nothing else waits, else it would never be served.
            if self.num_waiting and self.num_waiting + len(texts) > self._limits.max_queue:
                raise Refused(503, f"{self.num_waiting} texts are waiting already; try again in a second")
            self._jobs.add(job, [len(text if isinstance(text, str) else text.text) for text in texts])
            self._changed.notify()
        try:
            return await job.answer
        finally:
            with self._changed:
                if job.taken < len(texts):
                    self._jobs.remove(job)

    def close(self) -> None:
        """Refuse what waits, and end after the current batch."""
        with self._changed:
            self._closed = True
            refused = self._jobs.clear()
            self._changed.notify()
        _answer([(job, Refused(503, STOPPING)) for job in refused])

    def join(self, timeout_s: float) -> bool:
        """Wait for the worker's thread to end; returns whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            tagger = self._load()
            self._describe(tagger)
        except BaseException as error:
            self._closed = True
            self._loading.set_exception(error)
            return
        self._loading.set_result(None)
        try:
            while (batch := self._take()) is not None:
                # Empty if all that waited has been dropped.
                if batch:
                    outcomes = _tag(tagger, [text for _, text in batch], any(job.certainty for job, _ in batch))
                    self._count_batch(tagger, [outcome for outcome in outcomes if isinstance(outcome, Document)])
                    _answer([(job, outcome) for (job, _), outcome in zip(batch, outcomes)])
        finally:
            # Even if it dies, nobody must wait for ever.
            self.close()

    def _describe(self, tagger: Tagger) -> None:
        self.entity_types, self.given_features = tagger.entity_types, tagger.given_features
        self.tokenizer, self.identity, self.examples = str(tagger.tokenizer), tagger.identity, tagger.examples

    def _count_batch(self, tagger: Tagger, documents: list[Document]) -> None:
        """Pass on what a batch was, and say once if the model knows almost none of the tokens so far."""
        types = Counter(entity.type for document in documents for entity in document.entities)
        num_known = tagger.familiarity.num_known
        num_tokens = sum(document.num_tokens for document in documents)
        self._count(BatchCounts(len(documents), num_tokens, num_known - self._num_known, types))
        self._num_known = num_known
        complaint = tagger.familiarity.complaint(tagger.tokenizer)
        if complaint and not self._has_complained:
            self._has_complained = True
            log.warning("warning: %s", complaint)

    def _take(self) -> list[tuple[_Job, Taggable]] | None:
        """The next batch, of all jobs in turn, so that a long job delays short ones by one batch at most.

        None when the worker has been closed.
        """
        max_batch, max_wait_s = self._settings.max_batch, self._settings.max_wait_ms / 1000
        batch: list[tuple[_Job, Taggable]] = []
        with self._changed:
            self._busy_since_s = math.inf
            self._changed.wait_for(lambda: self._closed or self.num_waiting)
            if max_wait_s:
                self._changed.wait_for(lambda: self._closed or self.num_waiting >= max_batch, max_wait_s)
            if self._closed:
                return None
            for job in self._jobs.take(max_batch, self._limits.max_characters):
                batch.append((job, job.texts[job.taken]))
                job.taken += 1
            self._busy_since_s = time.monotonic()
        return batch


def _tag(tagger: Tagger, texts: list[Taggable], certainty: bool) -> list[_Outcome]:
    """The documents; if one of them fails, each is tagged on its own, so that only that one is refused."""
    try:
        documents = [tagger.document(text) if isinstance(text, str) else text for text in texts]
        return [*tagger.stream(documents, certainty=certainty)]
    except Exception as error:
        if len(texts) > 1:
            return [outcome for text in texts for outcome in _tag(tagger, [text], certainty)]
        if isinstance(error, UserError):
            return [Refused(422, str(error))]
        log.exception("a text could not be tagged")
        return [Refused(500, FAILED)]


def _answer(outcomes: list[tuple[_Job, _Outcome]]) -> None:
    """Answer the jobs that these outcomes complete; all in one call, because each call wakes the event loop."""

    def deliver() -> None:
        for job, outcome in outcomes:
            if job.answer.done():
                continue
            if isinstance(outcome, Refused):
                job.answer.set_exception(outcome)
                continue
            job.tagged.append(outcome)
            if len(job.tagged) == len(job.texts):
                job.answer.set_result(job.tagged)

    if outcomes:
        # The event loop is closed only when nobody is left to answer.
        with contextlib.suppress(RuntimeError):
            outcomes[0][0].answer.get_loop().call_soon_threadsafe(deliver)
