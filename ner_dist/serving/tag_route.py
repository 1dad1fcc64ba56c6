"""POST /tag: a request, its answer, and what both cost meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ner_dist.serving.answers import Answered
from ner_dist.serving.batching import STOPPING
from ner_dist.serving.facts import KEY, Facts
from ner_dist.serving.models import Models
from ner_dist.serving.request import Pending, Refused, Share, read_body
from ner_dist.serving.served_model import ServedModel
from ner_dist.serving.settings import Limits

# An answer is sent in pieces: no more than one of them waits in the connection for a client that reads slowly.
_PIECE = 1 << 18


class TagRoute:
    def __init__(self, models: Models, limits: Limits, pending: Pending, keeps_texts: bool) -> None:
        """keeps_texts: whether bodies are wanted for the access log."""
        self._models, self._limits, self._pending, self._keeps_texts = models, limits, pending, keeps_texts

    async def answer(self, request: Request, name: str | None = None) -> Response:
        """name: the model's, if it is in the path. Raises Refused, and ClientDisconnect."""
        if name is None and request.scope["query_string"]:
            name = request.query_params.get("model")
        model = self._models.find(name)
        facts: Facts = request.scope[KEY]
        facts.model = model.identity
        try:
            with model.in_use():
                return await self._answer(request, model, facts)
        except asyncio.CancelledError as error:
            # The server's time to finish requests is over.
            raise Refused(503, STOPPING) from error

    async def _answer(self, request: Request, model: ServedModel, facts: Facts) -> Response:
        limits = self._limits
        until_s = asyncio.get_running_loop().time() + limits.timeout_s
        share = Share(self._pending)
        try:
            try:
                body = await asyncio.wait_for(read_body(request, limits.max_body, share), limits.timeout_s)
            except asyncio.TimeoutError as error:
                raise Refused(
                    408, f"the body took longer than {limits.timeout_s:g} seconds; send it at once"
                ) from error
            facts.bytes_in = len(body)
            if self._keeps_texts:
                facts.body = body
            answered = await _in_time(model.answer(body), request, until_s)
        except BaseException:
            share.release()
            raise
        content, facts.texts, facts.tokens, facts.entities = answered
        return _HeldAnswer(content, share)


class _HeldAnswer(Response):
    """An answer that counts as pending until the client has read it."""

    media_type = "application/json"

    def __init__(self, content: bytes, share: Share) -> None:
        super().__init__(content)
        share.add(len(content))
        self._share = share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for first in range(0, max(1, len(self.body)), _PIECE):
                piece, is_last = bytes(self.body[first : first + _PIECE]), first + _PIECE >= len(self.body)
                await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
        finally:
            self._share.release()


async def _in_time(answering: Awaitable[Answered], request: Request, until_s: float) -> Answered:
    """What is awaited; given up when the client goes or the time is over. Raises Refused."""
    task = asyncio.ensure_future(answering)
    # The body has been read, so the only message that can still come is that the client is gone.
    gone = asyncio.ensure_future(request.receive())
    try:
        left_s = until_s - asyncio.get_running_loop().time()
        await asyncio.wait({task, gone}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientDisconnect
        raise Refused(503, "this took too long, because the server is busy; try again in a second")
    finally:
        gone.cancel()
        # Its texts leave the queue before the client is told that they were given up.
        if task.cancel():
            await asyncio.wait({task})
