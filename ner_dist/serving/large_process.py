"""The second process, for large requests: a worker like the service's own, at low priority, asked over a socket.

The operating system shares the cores between the two, so a large request costs a small one nothing but its share of
them: not the time of a batch, nor that of reading a body, in which Python would do nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ner_dist.prediction import Tagger
from ner_dist.serving.answers import Answered, answer, answer_lines
from ner_dist.serving.batching import FAILED, TaggingWorker
from ner_dist.serving.metrics import BatchCounts
from ner_dist.serving.request import Refused
from ner_dist.serving.settings import BatchSettings, Limits

# Kinds of frames. To the process: a request's body, and that its answer is no longer wanted; lines of a batch.
ASK, FORGET, ASK_LINES = 1, 2, 9
# From it: that it is ready, with the checksum of its model, or why not; an answer, or the sentence of a refusal; a
# batch's counts; that it is alive.
READY, UNABLE, ANSWER, REFUSED, COUNTS, BEAT = 3, 4, 5, 6, 7, 8
BEAT_S = 1.0
# Bytes that are read ahead of what is used.
BUFFER = 1 << 20
# Frames begin with kind, number of the request, and size of what follows; refusals with their status.
_HEADER, _STATUS = struct.Struct("!BQQ"), struct.Struct("!H")
# Answers begin with their texts, tokens and entities; lines with the number of the first.
_SIZES, _FIRST = struct.Struct("!QQQ"), struct.Struct("!Q")
# Seconds of the current batch, of the process's CPU time.
_BEAT = struct.Struct("!dd")
# A tenth of the weight of a process of ordinary priority, where both want the same core.
_NICE = 10

log = logging.getLogger("ner_dist.serving")


class Frame(NamedTuple):
    kind: int
    number: int
    content: bytes

    def packed(self) -> bytes:
        return _HEADER.pack(self.kind, self.number, len(self.content)) + self.content


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """None when the other side is gone."""
    try:
        kind, number, size = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        return Frame(kind, number, await reader.readexactly(size))
    except (asyncio.IncompleteReadError, OSError):
        return None


def lines_frame(number: int, first: int, lines: list[bytes]) -> Frame:
    """first: the number of the first line."""
    return Frame(ASK_LINES, number, _FIRST.pack(first) + b"\n".join(lines))


def answered_of(frame: Frame) -> Answered:
    return Answered(frame.content[_SIZES.size :], *_SIZES.unpack_from(frame.content))


def refused_of(frame: Frame) -> Refused:
    (status,) = _STATUS.unpack_from(frame.content)
    return Refused(status, frame.content[_STATUS.size :].decode())


def beat_of(frame: Frame) -> tuple[float, float]:
    """Seconds of the current batch, and of CPU time."""
    busy_s, cpu_s = _BEAT.unpack(frame.content)
    return busy_s, cpu_s


def counts_of(frame: Frame) -> BatchCounts:
    return BatchCounts(*json.loads(frame.content))


def run(end: socket.socket, load: Callable[[], Tagger], batches: BatchSettings, limits: Limits) -> None:
    """The process: it ends when the other end of the socket is closed."""
    # Ctrl-C reaches all processes of a terminal; this one goes on until the service has finished.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.getLogger("ner_dist.serving").addHandler(logging.StreamHandler())
    process = _Process(end, load, batches, limits)
    asyncio.run(process.serve())
    # Whatever it is computing, nobody waits for it.
    os._exit(0)


def _lower_priority() -> None:
    """Of all threads of this process, and so of those that they start."""
    tasks = Path("/proc/self/task")
    # Without that folder, the priority is that of the process, which 0 stands for.
    threads = [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else [0]
    for thread in threads:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, _NICE)


class _Process:
    def __init__(self, end: socket.socket, load: Callable[[], Tagger], batches: BatchSettings, limits: Limits) -> None:
        self._end, self._limits = end, limits
        self._worker = TaggingWorker(load, batches, limits, self._pass_on)
        self._asked: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        reader, self._writer = await asyncio.open_connection(sock=self._end, limit=BUFFER)
        try:
            await self._loop.run_in_executor(None, self._worker.start)
        except Exception as error:
            self._send(Frame(UNABLE, 0, (str(error) or type(error).__name__).encode("utf-8", "replace")))
            await self._writer.drain()
            return
        # Not while it loads: the service waits for it.
        _lower_priority()
        self._send(Frame(READY, 0, self._worker.identity.sha256.encode()))
        beating = asyncio.ensure_future(self._beat())
        while (frame := await read_frame(reader)) is not None:
            if frame.kind in (ASK, ASK_LINES):
                self._asked[frame.number] = asyncio.ensure_future(self._answer(frame))
            elif frame.kind == FORGET and frame.number in self._asked:
                self._asked[frame.number].cancel()
        beating.cancel()

    async def _answer(self, frame: Frame) -> None:
        try:
            if frame.kind == ASK:
                answered = await answer(frame.content, self._worker, self._limits)
            else:
                (first,), lines = _FIRST.unpack_from(frame.content), frame.content[_FIRST.size :].split(b"\n")
                answered = await answer_lines(first, lines, self._worker, self._limits)
            self._send(Frame(ANSWER, frame.number, _SIZES.pack(*answered[1:]) + answered.content))
        except Refused as error:
            self._refuse(frame.number, error)
        except Exception:
            log.exception("a request could not be answered")
            self._refuse(frame.number, Refused(500, FAILED))
        finally:
            del self._asked[frame.number]

    def _refuse(self, number: int, error: Refused) -> None:
        self._send(Frame(REFUSED, number, _STATUS.pack(error.status) + str(error).encode("utf-8", "replace")))

    def _pass_on(self, counts: BatchCounts) -> None:
        """In the worker's thread; before the answers of the batch."""
        frame = Frame(COUNTS, 0, json.dumps(counts).encode())
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._send, frame)

    async def _beat(self) -> None:
        while True:
            self._send(Frame(BEAT, 0, _BEAT.pack(self._worker.busy_s, time.process_time())))
            await asyncio.sleep(BEAT_S)

    def _send(self, frame: Frame) -> None:
        # What it writes is bounded by what it is asked at a time.
        self._writer.write(frame.packed())
