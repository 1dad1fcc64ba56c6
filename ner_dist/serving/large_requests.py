"""The service's side of the second process: it passes large requests on, and starts the process again if it ends."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from ner_dist.errors import UserError
from ner_dist.prediction import Tagger
from ner_dist.serving import large_process
from ner_dist.serving.answers import Answered
from ner_dist.serving.batching import STOPPING
from ner_dist.serving.large_process import ANSWER, ASK, BEAT, COUNTS, FORGET, READY, REFUSED, UNABLE, Frame
from ner_dist.serving.metrics import BatchCounts
from ner_dist.serving.request import Refused
from ner_dist.serving.settings import BatchSettings, Limits

# Before it is started again; twice as long each time that it did not get ready in between.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
# Looks, one a second, after which a process that has not shown itself hangs: its priority is low, and cores may be few.
_MOST_SILENT = 60
_REPLACED = (
    "the model's directory holds another model than the one that answers small requests; load it anew (SIGHUP, --watch)"
)
_ENDED = "the process that tags large requests has ended and is being started again; try again in a few seconds"

log = logging.getLogger("ner_dist.serving")


class LargeRequests:
    """Not for use by several threads at once."""

    def __init__(
        self,
        load: Callable[[], Tagger],
        batches: BatchSettings,
        limits: Limits,
        count: Callable[[BatchCounts], object],
    ) -> None:
        """load: called in the second process, so it must be a function that can be pickled. count: told of batches."""
        self._arguments, self._limits, self._count = (load, batches, limits), limits, count
        self._answers: dict[int, asyncio.Future[Answered]] = {}
        self._last_number = 0
        self._is_ready = False
        self._serving: asyncio.Task[None] | None = None
        # Of what is asked while it is not ready.
        self._reason = Refused(503, _ENDED)
        self._writer: asyncio.StreamWriter | None = None
        self._process: BaseProcess | None = None
        # Looks at it since its last frame, and seconds of its current batch.
        self._num_silent, self._busy_s = 0, 0.0
        # CPU time of the process.
        self.cpu_s = 0.0
        # Of the model that it must serve: the one of the requests that it is given.
        self._sha256 = ""

    @property
    def num_asked(self) -> int:
        """Requests that wait or are in work."""
        return len(self._answers)

    def start(self) -> None:
        """Start the process, which loads its tagger meanwhile."""
        self._end, other = socket.socketpair()
        # Spawned, because neither MXNet nor onnxruntime survives a fork.
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=large_process.run, args=(other, *self._arguments), daemon=True)
        with other:
            self._process.start()

    def close(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._end.close()
            self._process.kill()
            self._process.join()

    async def until_ready(self, sha256: str) -> None:
        """The first start: raises UserError if its tagger cannot be loaded, or is of another model than this."""
        self._sha256 = sha256
        reader = await self._connect()
        frame = await large_process.read_frame(reader)
        if frame is None or frame.kind != READY:
            reason = "it has ended" if frame is None else frame.content.decode()
            raise UserError(f"the process for large requests cannot start: {reason} (--processes 1 does without it)")
        if frame.content.decode() != sha256:
            raise UserError(_REPLACED)
        self._is_ready = True
        self._serving = asyncio.ensure_future(self._serve(reader))

    async def answer(self, body: bytes) -> Answered:
        """The answer to a request. Raises Refused. If cancelled, the process drops it."""
        return await self._ask(lambda number: Frame(ASK, number, body))

    async def answer_lines(self, first: int, lines: list[bytes]) -> Answered:
        """The same for lines of a batch. first: the number of the first of them."""
        return await self._ask(lambda number: large_process.lines_frame(number, first, lines))

    async def _ask(self, frame_of: Callable[[int], Frame]) -> Answered:
        if not self._is_ready or self._writer is None:
            raise self._reason
        self._last_number += 1
        number = self._last_number
        writer, self._answers[number] = self._writer, asyncio.get_running_loop().create_future()
        try:
            writer.write(frame_of(number).packed())
            return await self._answers[number]
        except asyncio.CancelledError:
            if not writer.is_closing():
                writer.write(Frame(FORGET, number, b"").packed())
            raise
        finally:
            del self._answers[number]

    def refuse(self) -> None:
        """Refuse what waits, and whatever may come."""
        if self._serving is not None:
            self._serving.cancel()
        self._give_up(Refused(503, STOPPING))

    def complaint(self) -> str | None:
        """What is wrong with the process, if anything."""
        return None if self._is_ready else str(self._reason)

    async def _connect(self) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection(sock=self._end, limit=large_process.BUFFER)
        return reader

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        """Receive answers until cancelled; start the process again whenever it ends."""
        pause_s = _FIRST_PAUSE_S
        while True:
            if await self._receive(reader):
                pause_s = _FIRST_PAUSE_S
            log.error("error: %s", _ENDED)
            self._give_up(Refused(503, _ENDED))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            # A tenth of a second, in which the event loop would answer nobody.
            await asyncio.get_running_loop().run_in_executor(None, self._restart)
            reader = await self._connect()

    async def _receive(self, reader: asyncio.StreamReader) -> bool:
        """Receive until the process is gone; returns whether it was ready."""
        watching = asyncio.ensure_future(self._watch())
        try:
            while (frame := await large_process.read_frame(reader)) is not None:
                self._num_silent = 0
                self._use(frame)
        finally:
            watching.cancel()
        return self._is_ready

    def _use(self, frame: Frame) -> None:
        if frame.kind == COUNTS:
            self._count(large_process.counts_of(frame))
        elif frame.kind == BEAT:
            self._busy_s, self.cpu_s = large_process.beat_of(frame)
        elif frame.kind == READY:
            # The directory may hold another model by now, and no answer may come of it.
            self._is_ready = frame.content.decode() == self._sha256
            if not self._is_ready:
                self._reason = Refused(503, _REPLACED)
                log.error("error: %s", _REPLACED)
        elif frame.kind == UNABLE:
            log.error("error: the process for large requests cannot start: %s", frame.content.decode())
        # Neither is there if the client is gone.
        elif (answer := self._answers.get(frame.number)) is not None and not answer.done():
            if frame.kind == ANSWER:
                answer.set_result(large_process.answered_of(frame))
            elif frame.kind == REFUSED:
                answer.set_exception(large_process.refused_of(frame))

    async def _watch(self) -> None:
        """End the process if it does not show that it is alive, or does not get on with a batch."""
        while True:
            await asyncio.sleep(large_process.BEAT_S)
            # Counted, not timed: if this process was stopped, so was the other.
            self._num_silent += 1
            hangs = self._num_silent > _MOST_SILENT or self._busy_s > self._limits.timeout_s
            if self._is_ready and hangs and self._process is not None:
                log.error("error: the process for large requests hangs, and is ended")
                self._process.kill()

    def _give_up(self, reason: Refused) -> None:
        self._is_ready, self._num_silent, self._busy_s = False, 0, 0.0
        self._reason = reason
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(reason)

    def _restart(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self.start()
