"""The service's routes: POST /tag, GET /healthz, /metrics, /openapi.json, and a page to try it on."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Union

from fastapi import FastAPI
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ner_dist import __version__
from ner_dist.serving import schemas
from ner_dist.serving.access import Access, guarded
from ner_dist.serving.answers import answer
from ner_dist.serving.batching import FAILED, STOPPING, TaggingWorker
from ner_dist.serving.large_requests import LargeRequests
from ner_dist.serving.metrics import CLIENT_GONE, Metrics, measured
from ner_dist.serving.request import Pending, Refused, Share, read_body
from ner_dist.serving.settings import Limits

_PAGE = Path(__file__).parent / "page"
_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
# Whatever a text contains, the page loads only its own files and asks only this server.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_ROUTES = "the routes are POST /tag, and GET /, /healthz, /metrics and /openapi.json"
_STATUSES = {
    400: "Not JSON in UTF-8.",
    403: "Asked by a page of another site, or by a name that is not the service's (--allowed-hosts).",
    408: "The body took too long to arrive.",
    413: "Larger than this server takes.",
    415: "Not application/json, or compressed.",
    422: "JSON that does not fit the schema.",
    503: "Too much is waiting, or the server is stopping; see Retry-After.",
}
# An answer is sent in pieces: no more than one of them waits in the connection for a client that reads slowly.
_PIECE = 1 << 18


def create_app(
    worker: TaggingWorker,
    limits: Limits,
    metrics: Metrics,
    access: Access | None = None,
    large: LargeRequests | None = None,
) -> FastAPI:
    """large: what answers requests with large bodies; by default, the worker does."""
    # No /docs, because FastAPI's page loads its scripts from elsewhere.
    app = FastAPI(
        title="ner-dist",
        version=__version__,
        description=schemas.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(guarded, access=access or Access())
    app.add_middleware(measured, metrics=metrics)
    metrics.queue.set_function(lambda: worker.num_waiting)
    _add_tag(app, worker, limits, large)
    _add_health(app, worker, limits, large)

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    _add_page(app)
    _add_problems(app)
    return app


def _add_tag(app: FastAPI, worker: TaggingWorker, limits: Limits, large: LargeRequests | None) -> None:
    pending = Pending(limits.max_pending)
    features = schemas.feature_fields(worker.given_features)
    request_schemas = [model.model_json_schema() for model in schemas.request_models(limits, features).values()]
    requests = {"schema": {"oneOf": request_schemas}, "examples": schemas.REQUESTS}
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": schemas.Problem, "description": what} for status, what in _STATUSES.items()
    }
    answers[200] = {"content": {"application/json": {"examples": schemas.ANSWERS}}, "description": "The entities."}

    @app.post(
        "/tag",
        summary="Find the entities of texts",
        response_model=Union[schemas.TextAnswer, schemas.TextsAnswer, schemas.TokensAnswer],
        responses=answers,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": requests}}},
    )
    async def tag(request: Request) -> Response:
        try:
            return await _answer(request, worker, limits, pending, large)
        except asyncio.CancelledError as error:
            # The server's time to finish requests is over.
            raise Refused(503, STOPPING) from error


def _add_health(app: FastAPI, worker: TaggingWorker, limits: Limits, large: LargeRequests | None) -> None:
    @app.get(
        "/healthz",
        summary="Whether texts can be tagged",
        responses={200: {"model": schemas.Health}, 503: {"model": schemas.Health}},
    )
    async def healthz() -> Response:
        status = "ok"
        if not worker.alive:
            status = "the tagger's thread has ended"
        elif worker.busy_s > limits.timeout_s:
            status = f"the tagger has been working on one batch for {worker.busy_s:.0f} seconds"
        elif large is not None and large.complaint():
            # It is being started again, so the service as a whole need not be.
            status = "ok, but large requests are refused: the process that tags them is being started again"
        health = {
            "status": status,
            "entity_types": worker.entity_types,
            "tokenizer": worker.tokenizer,
            "features": worker.given_features,
            "needs_pos": "pos" in worker.given_features,
        }
        return JSONResponse({**health, "limits": dataclasses.asdict(limits)}, 200 if status.startswith("ok") else 503)

    app.head("/healthz", include_in_schema=False)(healthz)


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


async def _answer(
    request: Request, worker: TaggingWorker, limits: Limits, pending: Pending, large: LargeRequests | None
) -> Response:
    """Raises Refused, and ClientDisconnect."""
    until_s = asyncio.get_running_loop().time() + limits.timeout_s
    share = Share(pending)
    try:
        try:
            body = await asyncio.wait_for(read_body(request, limits.max_body, share), limits.timeout_s)
        except asyncio.TimeoutError as error:
            raise Refused(408, f"the body took longer than {limits.timeout_s:g} seconds; send it at once") from error
        if large is not None and len(body) > limits.light_body:
            answering = large.answer(body)
        else:
            answering = answer(body, worker, limits)
        content = await _in_time(answering, request, until_s)
    except BaseException:
        share.release()
        raise
    return _HeldAnswer(content, share)


async def _in_time(answering: Awaitable[bytes], request: Request, until_s: float) -> bytes:
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


def _add_page(app: FastAPI) -> None:
    for path, (name, kind) in _PAGE_FILES.items():
        content, media_type = (_PAGE / name).read_bytes(), f"{kind}; charset=utf-8"
        page = Response(content, media_type=media_type, headers=_PAGE_HEADERS)

        async def show(request: Request, page: Response = page) -> Response:
            return page

        app.add_route(path, show, methods=["GET"], include_in_schema=False)


def _add_problems(app: FastAPI) -> None:
    """Answer every error with one sentence."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        headers = {503: {"Retry-After": "1"}, 408: {"Connection": "close"}, 413: {"Connection": "close"}}
        return JSONResponse({"error": str(error)}, error.status, headers.get(error.status))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        # Nobody reads it; it is counted.
        return Response(status_code=CLIENT_GONE)

    @app.exception_handler(HTTPException)
    async def not_there(request: Request, error: HTTPException) -> Response:
        what = f"{request.method} does not work here" if error.status_code == 405 else "there is nothing here"
        return JSONResponse({"error": f"{what}; {_ROUTES}"}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": FAILED}, 500)
