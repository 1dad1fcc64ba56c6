"""The service's routes: POST /tag and /batch, GET /models, health, /metrics, /openapi.json, and a page to try it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Union

from fastapi import FastAPI
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ner_dist import __version__
from ner_dist.serving import schemas
from ner_dist.serving.access import Access, guarded
from ner_dist.serving.access_log import OFF, AccessLog
from ner_dist.serving.batch_route import BatchRoute
from ner_dist.serving.batching import FAILED
from ner_dist.serving.health import add_health
from ner_dist.serving.metrics import CLIENT_GONE, Metrics
from ner_dist.serving.models import Models
from ner_dist.serving.observed import observed
from ner_dist.serving.request import Pending, Refused
from ner_dist.serving.settings import Limits
from ner_dist.serving.tag_route import TagRoute
from ner_dist.serving.tokens import Tokens, with_token

_PAGE = Path(__file__).parent / "page"
_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript") for name in ("marks", "model", "page")},
}
# Whatever a text contains, the page loads only its own files and asks only this server.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_ROUTES = (
    "the routes are POST /tag, /models/NAME/tag and /batch, and GET /, /models, /healthz, /livez, /readyz, /metrics "
    "and /openapi.json"
)
_STATUSES = {
    400: "Not JSON in UTF-8.",
    401: "Without the service's token (--token-file).",
    403: "Asked by a page of another site, or by a name that is not the service's (--allowed-hosts).",
    404: "There is no model of this name.",
    408: "The body took too long to arrive.",
    413: "Larger than this server takes.",
    415: "Not application/json, or compressed.",
    422: "JSON that does not fit the schema.",
    503: "Too much is waiting, or the server is starting or stopping; see Retry-After.",
}


def create_app(
    models: Models,
    limits: Limits,
    metrics: Metrics,
    access: Access | None = None,
    tokens: Tokens | None = None,
    log: AccessLog | None = None,
    examples: bool = True,
) -> FastAPI:
    log = log or AccessLog(OFF, False, metrics.lost_lines.inc)
    # No /docs, because FastAPI's page loads its scripts from elsewhere.
    app = FastAPI(
        title="ner-dist",
        version=__version__,
        description=schemas.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    # The last is the first that a request comes to.
    app.add_middleware(with_token, tokens=tokens or Tokens())
    app.add_middleware(guarded, access=access or Access())
    app.add_middleware(observed, metrics=metrics, log=log, is_draining=lambda: models.is_draining)
    pending = Pending(limits.max_pending)
    _add_tag(app, TagRoute(models, limits, pending, log.with_texts))
    _add_batch(app, BatchRoute(models, limits, pending))
    add_health(app, models, limits, examples)

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/openapi.json", include_in_schema=False)
    async def show_openapi() -> Response:
        return JSONResponse(_openapi(app, models, limits))

    _add_page(app)
    _add_problems(app)
    return app


def _add_tag(app: FastAPI, route: TagRoute) -> None:
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": schemas.Problem, "description": what} for status, what in _STATUSES.items()
    }
    answers[200] = {"content": {"application/json": {"examples": schemas.ANSWERS}}, "description": "The entities."}
    kind = Union[schemas.TextAnswer, schemas.TextsAnswer, schemas.TokensAnswer]

    @app.post("/tag", summary="Find the entities of texts", response_model=kind, responses=answers)
    async def tag(request: Request, model: str = "") -> Response:
        return await route.answer(request)

    @app.post("/models/{name}/tag", summary="The same by one of the models", response_model=kind, responses=answers)
    async def tag_by(request: Request, name: str) -> Response:
        return await route.answer(request, name)


def _add_batch(app: FastAPI, route: BatchRoute) -> None:
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": schemas.Problem, "description": _STATUSES[status]} for status in (401, 403, 404, 415, 503)
    }
    example = "".join(f"{line}\n" for line in schemas.LINE_ANSWERS)
    schema = schemas.LineAnswer.model_json_schema()
    answers[200] = {
        "content": {"application/x-ndjson": {"schema": schema, "example": example}},
        "description": "A line for each line of the request, in their order, while they are being sent.",
    }

    @app.post("/batch", summary="Find the entities of any number of lines", responses=answers, response_class=Response)
    async def batch(request: Request, model: str = "") -> Response:
        return await route.answer(request)


def _openapi(app: FastAPI, models: Models, limits: Limits) -> dict[str, Any]:
    """With the fields of the models that answer now."""
    found = app.openapi()
    needed = [name for model in models.serving() for name in model.worker.given_features]
    forms = schemas.request_models(limits, schemas.feature_fields(needed)).values()
    content = {"schema": {"oneOf": [form.model_json_schema() for form in forms]}, "examples": schemas.REQUESTS}
    for path in ("/tag", "/models/{name}/tag"):
        found["paths"][path]["post"]["requestBody"] = {"required": True, "content": {"application/json": content}}
    lines = {"schema": schemas.line_schema(), "example": "".join(f"{line}\n" for line in schemas.LINES)}
    found["paths"]["/batch"]["post"]["requestBody"] = {"required": True, "content": {"application/x-ndjson": lines}}
    return found


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
