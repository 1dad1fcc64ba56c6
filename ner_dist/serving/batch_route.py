"""POST /batch: lines of JSON in, lines of JSON out in their order, while they arrive; memory does not grow with them.

Lines are taken from the connection only as fast as they are tagged, and answers are made only as fast as they are read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ner_dist.serving.batch_lines import id_of
from ner_dist.serving.batching import STOPPING
from ner_dist.serving.facts import KEY, Facts
from ner_dist.serving.models import Models
from ner_dist.serving.request import Pending, Refused, Share
from ner_dist.serving.served_model import ServedModel
from ner_dist.serving.settings import Limits

# A page of another site cannot send these without being asked first (access.py).
_TYPES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines")
# Lines that are tagged together, and groups that wait for the one before.
_LINES, _GROUPS = 64, 2
# How long a group waits before it asks again for room among the bytes of all requests.
_ASK_AGAIN_S = 0.05


class _Group(NamedTuple):
    # The number of the first line, from 1 on.
    first: int
    lines: list[bytes]
    share: Share


class _BegunLine:
    """A line that has not ended yet, in the parts that have come: joined for each, a long one would be copied often."""

    def __init__(self, most: int) -> None:
        """most: bytes of a line; of a longer one, no more is kept than shows that it is."""
        self._most, self._parts, self._size = most, list[bytes](), 0

    def lines(self, part: bytes) -> list[bytes]:
        """Those that end in this part."""
        *ended, last = part.split(b"\n")
        if ended:
            ended[0] = self.rest() + ended[0]
        if self._size <= self._most:
            self._parts.append(last)
            self._size += len(last)
        return [line[: self._most + 1] for line in ended]

    def rest(self) -> bytes:
        rest = b"".join(self._parts)
        self._parts, self._size = [], 0
        return rest


class BatchRoute:
    def __init__(self, models: Models, limits: Limits, pending: Pending) -> None:
        self._models, self._limits, self._pending = models, limits, pending

    async def answer(self, request: Request) -> Response:
        """Raises Refused for what is known before the first line."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _TYPES:
            raise Refused(415, f"the Content-Type is {json.dumps(kind[:60])}; expected {_TYPES[0]}, lines of JSON")
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "the body is compressed; expected plain lines of JSON")
        # Whether there is one; which one it is by then is asked when the answer begins.
        self._models.find(request.query_params.get("model"))
        return _Lines(request, self._models, self._limits, self._pending)


class _Lines(Response):
    media_type = "application/x-ndjson"

    def __init__(self, request: Request, models: Models, limits: Limits, pending: Pending) -> None:
        super().__init__()
        # Its length is not known before.
        del self.headers["content-length"]
        # If it ends early, the rest of the request is not waited for.
        self.headers["connection"] = "close"
        self._request, self._models = request, models
        self._limits, self._pending = limits, pending
        self._facts: Facts = request.scope[KEY]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Nothing is awaited between: a model that is not in use may be retired.
        model = self._models.find(self._request.query_params.get("model"))
        with model.in_use():
            self._facts.model = model.identity
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            last = await self._send(model, send)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _send(self, model: ServedModel, send: Send) -> bytes:
        """Send the answers to all lines; returns the last line of an answer that ends early."""
        try:
            async for share, content in self._answers(model):
                await send({"type": "http.response.body", "body": content, "more_body": True})
                share.release()
        except ClientDisconnect:
            self._facts.is_gone = True
        except asyncio.CancelledError:
            # The server's time to finish requests is over.
            return _as_line({"error": STOPPING})
        except asyncio.TimeoutError:
            waited = f"no more lines came for {self._limits.timeout_s:g} seconds"
            return _as_line({"error": f"{waited}; send them, or end the request"})
        return b""

    async def _answers(self, model: ServedModel) -> AsyncIterator[tuple[Share, bytes]]:
        """The answers to the groups in their order. Raises ClientDisconnect, and TimeoutError if nothing comes."""
        groups = self._groups()
        coming: asyncio.Future[_Group | None] | None = _next(groups)
        waiting: deque[tuple[Share, asyncio.Task[bytes]]] = deque()
        failure: BaseException | None = None
        try:
            while coming or waiting:
                awaited: set[asyncio.Future[Any]] = {coming} if coming and len(waiting) < _GROUPS else set()
                awaited |= {waiting[0][1]} if waiting else set()
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                if coming in awaited and coming is not None and coming.done():
                    # What has come before is answered first.
                    failure, group, coming = coming.exception(), None if coming.exception() else coming.result(), None
                    if group is not None:
                        waiting.append((group.share, asyncio.ensure_future(self._answer(model, group))))
                        coming = _next(groups)
                if waiting and waiting[0][1].done():
                    share, answering = waiting.popleft()
                    yield share, answering.result()
            if failure is not None:
                raise failure
        finally:
            for share, answering in waiting:
                answering.cancel()
                share.release()
            if coming is not None:
                coming.cancel()

    async def _groups(self) -> AsyncIterator[_Group]:
        """The lines as they come. Raises ClientDisconnect, and TimeoutError if nothing comes for too long."""
        number, begun = 1, _BegunLine(self._limits.max_body)
        parts = self._request.stream()
        while (part := await asyncio.wait_for(_part(parts), self._limits.timeout_s)) is not None:
            self._facts.bytes_in += len(part)
            lines = begun.lines(part)
            for first in range(0, len(lines), _LINES):
                yield await self._group(number + first, lines[first : first + _LINES])
            number += len(lines)
        if (rest := begun.rest()).strip():
            yield await self._group(number, [rest])

    async def _group(self, first: int, lines: list[bytes]) -> _Group:
        """With a share of the bytes of all requests, as soon as there is room."""
        share = Share(self._pending)
        while True:
            with contextlib.suppress(Refused):
                share.take(sum(map(len, lines)))
                return _Group(first, lines, share)
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _answer(self, model: ServedModel, group: _Group) -> bytes:
        try:
            answered = await model.answer_lines(group.first, group.lines)
        except Refused as error:
            # All of them, because the second process has ended.
            lines = enumerate(group.lines, group.first)
            refused = [_as_line({"id": id_of(n, line), "error": str(error)}) for n, line in lines if line.strip()]
            return b"".join(refused)
        group.share.add(len(answered.content))
        self._facts.texts += answered.num_texts
        self._facts.tokens += answered.num_tokens
        self._facts.entities += answered.num_entities
        return answered.content


def _next(groups: AsyncIterator[_Group]) -> asyncio.Future[_Group | None]:
    async def following() -> _Group | None:
        async for group in groups:
            return group
        return None

    return asyncio.ensure_future(following())


async def _part(parts: AsyncIterator[bytes]) -> bytes | None:
    async for part in parts:
        return part
    return None


def _as_line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"
