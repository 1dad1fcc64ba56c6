"""Texts that wait while the model works are tagged together next: one thread owns the tagger, all others ask it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, Union

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document
from ner_dist.serving.limits import Refused
from ner_dist.serving.request import Item

STOPPING = "the server is stopping; ask again later"
FAILED = "the server has failed at this; its log says why"

log = logging.getLogger("ner_dist.serving")


class Finder(Protocol):
    """What the service asks of ner_dist.prediction.Tagger."""

    entity_types: list[str]
    needs_pos: bool

    def document(self, text: str) -> Document: ...

    def stream(self, documents: Iterable[Document]) -> Iterable[Document]: ...


class Observer(Protocol):
    """Whom the worker tells of each batch, in its own thread."""

    def batch(self, documents: Sequence[Document]) -> None: ...


class Knobs(NamedTuple):
    """How texts become batches."""

    # Texts of a batch.
    max_batch: int = 64
    # Its characters, unless it is one text alone: what a short text waits for at most.
    max_characters: int = 10_000
    # Seconds to wait for more texts when there are few; those that arrive meanwhile join anyway.
    max_wait_s: float = 0.0
    # Texts that may wait.
    max_queue: int = 1024


class _Job:
    """The texts of one request."""

    def __init__(self, items: list[Item], answer: asyncio.Future[list[Document]]) -> None:
        self.items = items
        self.answer = answer
        # Its next text, and what was found in those before that are through.
        self.taken = 0
        self.found: list[Document] = []
        # Nobody waits for it any more: the client is gone, its time is over, or one of its texts has failed.
        self.dropped = False


Outcome = Union[Document, Refused]


class Batcher:
    def __init__(self, load: Callable[[], Finder], knobs: Knobs, observer: Observer) -> None:
        """load: called in the worker's thread, which alone will use what it returns."""
        self.entity_types: list[str] = []
        self.needs_pos = False
        self._load, self._knobs, self._observer = load, knobs, observer
        # Jobs with texts that wait, the next to be served first; guarded by the condition, as is all that follows.
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._num_waiting = 0
        self._closed = False
        self._busy_since_s: float | None = None
        self._loaded = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tagger", daemon=True)

    def start(self) -> None:
        """Load the tagger; raises what loading it raises."""
        self._thread.start()
        self._loaded.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def num_waiting(self) -> int:
        return self._num_waiting

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and self._loaded.is_set() and not self._closed

    @property
    def busy_s(self) -> float:
        """For how long it has been at the present batch; 0 between batches."""
        since_s = self._busy_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    async def tag(self, items: list[Item]) -> list[Document]:
        """The documents with their entities; who gives up waiting takes them out of the queue. Raises Refused."""
        if not items:
            return []
        job = _Job(items, asyncio.get_running_loop().create_future())
        self._add(job)
        try:
            return await job.answer
        finally:
            self._drop(job)

    def close(self) -> None:
        """Refuse what waits, and end after the present batch."""
        with self._changed:
            self._closed = True
            refused = list(self._jobs)
            self._jobs.clear()
            self._num_waiting = 0
            self._changed.notify()
        self._answer([(job, Refused(503, STOPPING)) for job in refused])

    def join(self, timeout_s: float) -> bool:
        """Wait for the worker to end; whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _add(self, job: _Job) -> None:
        with self._changed:
            if self._closed:
                raise Refused(503, STOPPING)
            # A request larger than the queue would else never be served.
            if self._num_waiting and self._num_waiting + len(job.items) > self._knobs.max_queue:
                raise Refused(503, f"{self._num_waiting} texts wait already; ask again in a second")
            self._jobs.append(job)
            self._num_waiting += len(job.items)
            self._changed.notify()

    def _drop(self, job: _Job) -> None:
        with self._changed:
            job.dropped = True
            if job.taken < len(job.items) and job in self._jobs:
                self._jobs.remove(job)
                self._num_waiting -= len(job.items) - job.taken

    def _run(self) -> None:
        try:
            tagger = self._load()
            self.entity_types, self.needs_pos = tagger.entity_types, tagger.needs_pos
        except BaseException as error:
            self._failure = error
            return
        finally:
            self._loaded.set()
        try:
            while True:
                batch = self._take()
                if batch is None:
                    return
                # Empty if all that waited was dropped meanwhile.
                if batch:
                    self._tag(tagger, batch)
        finally:
            # Also when it dies: nobody waits for ever.
            self.close()

    def _take(self) -> list[tuple[_Job, Item]] | None:
        """A text of each job in turn, so that a long job delays short ones by no more than a batch; None at the end."""
        knobs = self._knobs
        batch: list[tuple[_Job, Item]] = []
        num_characters = 0
        with self._changed:
            self._busy_since_s = None
            self._changed.wait_for(lambda: self._closed or self._jobs)
            if knobs.max_wait_s:
                self._changed.wait_for(lambda: self._closed or self._num_waiting >= knobs.max_batch, knobs.max_wait_s)
            if self._closed:
                return None
            while self._jobs and len(batch) < knobs.max_batch:
                job = self._jobs[0]
                item = job.items[job.taken]
                num_characters += len(item if isinstance(item, str) else item.text)
                if batch and num_characters > knobs.max_characters:
                    break
                self._jobs.popleft()
                job.taken += 1
                self._num_waiting -= 1
                batch.append((job, item))
                if job.taken < len(job.items):
                    self._jobs.append(job)
            self._busy_since_s = time.monotonic()
        return batch

    def _tag(self, tagger: Finder, batch: list[tuple[_Job, Item]]) -> None:
        items = [item for _, item in batch]
        found: Sequence[Outcome]
        try:
            found = _find(tagger, items)
        except Exception:
            # One of them: each by itself, so that it fails alone.
            found = [_find_alone(tagger, item) for item in items]
        self._observer.batch([outcome for outcome in found if isinstance(outcome, Document)])
        self._answer([(job, outcome) for (job, _), outcome in zip(batch, found)])

    def _answer(self, outcomes: Iterable[tuple[_Job, Outcome]]) -> None:
        """Answer the jobs that are through with these; all at once, because each call wakes the event loop."""
        answers: list[tuple[_Job, Refused | None]] = []
        for job, outcome in outcomes:
            if job.dropped:
                continue
            if isinstance(outcome, Refused):
                answers.append((job, outcome))
                self._drop(job)
            else:
                job.found.append(outcome)
                if len(job.found) == len(job.items):
                    answers.append((job, None))
        if answers:
            # The loop is closed only when there is nobody left to answer.
            with contextlib.suppress(RuntimeError):
                answers[0][0].answer.get_loop().call_soon_threadsafe(_deliver, answers)


def _find(tagger: Finder, items: list[Item]) -> list[Document]:
    documents = [tagger.document(item) if isinstance(item, str) else item for item in items]
    return list(tagger.stream(documents))


def _find_alone(tagger: Finder, item: Item) -> Outcome:
    try:
        return _find(tagger, [item])[0]
    except UserError as error:
        return Refused(422, str(error))
    except Exception:
        log.exception("a text could not be tagged")
        return Refused(500, FAILED)


def _deliver(answers: list[tuple[_Job, Refused | None]]) -> None:
    for job, error in answers:
        if not job.answer.done():
            if error is None:
                job.answer.set_result(job.found)
            else:
                job.answer.set_exception(error)
