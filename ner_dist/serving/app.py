"""The service's pages: POST /tag, /healthz, /metrics, /openapi.json, and a page to try it on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ner_dist import __version__
from ner_dist.prediction.documents import Document
from ner_dist.serving.batching import FAILED, STOPPING, Batcher
from ner_dist.serving.limits import Limits, Refused
from ner_dist.serving.metrics import CLIENT_GONE, CONTENT_TYPE, Metrics
from ner_dist.serving.request import Item, Wanted, read_body, read_request
from ner_dist.serving.schemas import (
    ANSWERS,
    DESCRIPTION,
    Health,
    Problem,
    TextAnswer,
    TextsAnswer,
    TokensAnswer,
    request_body,
)

_PAGE = Path(__file__).parent / "page"
_PAGE_FILES = {"/": ("index.html", "text/html"), "/page.css": ("page.css", "text/css")}
_PAGE_FILES["/page.js"] = ("page.js", "text/javascript")
# The page loads its own files and asks /tag, and nothing else, whatever stands in a text.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_ANY_PAGE = {"X-Content-Type-Options": "nosniff"}
_WHAT_THERE_IS = "there are POST /tag, and GET /, /healthz, /metrics and /openapi.json"
_STATUSES = {
    400: "Not JSON in UTF-8.",
    408: "The body took too long to arrive.",
    413: "Larger than this server takes.",
    415: "Compressed.",
    422: "JSON of another form.",
    503: "Too much waits already, or the server is stopping; see Retry-After.",
}


def create_app(batcher: Batcher, limits: Limits, metrics: Metrics) -> FastAPI:
    # No /docs: FastAPI's loads its scripts from elsewhere.
    app = FastAPI(title="ner-dist", version=__version__, description=DESCRIPTION, docs_url=None, redoc_url=None)
    metrics.follow_queue(lambda: batcher.num_waiting)
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": what} for status, what in _STATUSES.items()
    }
    answers[200] = {"content": {"application/json": {"examples": ANSWERS}}, "description": "The entities."}

    @app.post(
        "/tag",
        summary="Find the entities of texts",
        response_model=Union[TextAnswer, TextsAnswer, TokensAnswer],
        responses=answers,
        openapi_extra={"requestBody": request_body(limits)},
    )
    async def tag(request: Request) -> Response:
        try:
            wanted, found = await _tagged(request, batcher, limits)
        except asyncio.CancelledError as error:
            # The server's last seconds are over.
            raise Refused(503, STOPPING) from error
        return _json(200, _answer(wanted, found))

    @app.get(
        "/healthz", summary="Whether texts can be tagged", responses={200: {"model": Health}, 503: {"model": Health}}
    )
    async def healthz() -> Response:
        status = "ok"
        if not batcher.alive:
            status = "the tagger's thread has ended"
        elif batcher.busy_s > limits.timeout_s:
            status = f"the tagger has been at one batch for {batcher.busy_s:.0f} seconds"
        health = {"status": status, "entity_types": batcher.entity_types, "needs_pos": batcher.needs_pos}
        return _json(200 if status == "ok" else 503, {**health, "limits": vars(limits)})

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def show_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE, headers=_ANY_PAGE)

    app.head("/healthz", include_in_schema=False)(healthz)
    _add_page(app)
    _add_problems(app)
    return app


async def _tagged(request: Request, batcher: Batcher, limits: Limits) -> tuple[Wanted, list[Document]]:
    """What a request wants and what was found. Raises Refused, and ClientDisconnect."""
    until_s = asyncio.get_running_loop().time() + limits.timeout_s
    try:
        body = await asyncio.wait_for(read_body(request, limits.max_body), limits.timeout_s)
    except asyncio.TimeoutError as error:
        raise Refused(408, f"the body took longer than {limits.timeout_s:g} seconds; send it at once") from error
    wanted = read_request(body, limits, batcher.needs_pos)
    return wanted, await _find(batcher, wanted.items, request, until_s)


async def _find(batcher: Batcher, items: list[Item], request: Request, until_s: float) -> list[Document]:
    """The documents from the batcher; given up when the client goes or the time is over. Raises Refused."""
    tagging = asyncio.ensure_future(batcher.tag(items))
    # The body has been read: all that still can come is that the client goes.
    gone = asyncio.ensure_future(request.receive())
    try:
        left_s = until_s - asyncio.get_running_loop().time()
        await asyncio.wait({tagging, gone}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if tagging.done():
            return tagging.result()
        if gone.done():
            raise ClientDisconnect
        raise Refused(503, "this took too long, as there is much to do; ask again in a second")
    finally:
        gone.cancel()
        # Its texts are out of the queue before the client hears that they were given up.
        if tagging.cancel():
            await asyncio.wait({tagging})


def _answer(wanted: Wanted, found: Sequence[Document]) -> dict[str, Any]:
    results = [{"entities": _entities(document, wanted.field)} for document in found]
    return results[0] if wanted.field == "text" else {"results": results}


def _entities(document: Document, field: str) -> list[dict[str, Any]]:
    found = []
    for entity in document.entities:
        if field == "tokens":
            place = {"first_token": entity.first_token, "end_token": entity.end_token}
        else:
            place = {"start": entity.start, "end": entity.end}
        found.append({**place, "type": entity.type, "text": entity.text, "confidence": round(entity.confidence, 6)})
    return found


def _json(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, {**_ANY_PAGE, **(headers or {})}, "application/json")


def _add_page(app: FastAPI) -> None:
    def add(path: str, name: str, kind: str) -> None:
        content = (_PAGE / name).read_bytes()

        async def show(request: Request) -> Response:
            return Response(content, media_type=f"{kind}; charset=utf-8", headers={**_ANY_PAGE, **_PAGE_HEADERS})

        app.add_route(path, show, methods=["GET"], include_in_schema=False)

    for path, (name, kind) in _PAGE_FILES.items():
        add(path, name, kind)


def _add_problems(app: FastAPI) -> None:
    """Answer whatever goes wrong with one sentence."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        headers = {503: {"Retry-After": "1"}, 408: {"Connection": "close"}, 413: {"Connection": "close"}}
        return _json(error.status, {"error": str(error)}, headers.get(error.status))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        # Nobody reads it; it is counted.
        return Response(status_code=CLIENT_GONE)

    @app.exception_handler(HTTPException)
    async def not_there(request: Request, error: HTTPException) -> Response:
        what = f"{request.method} is not for this page" if error.status_code == 405 else "there is no such page"
        return _json(error.status_code, {"error": f"{what}; {_WHAT_THERE_IS}"}, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return _json(500, {"error": FAILED})
