"""What the service says of itself: whether it lives and is ready, which models it has, and its limits."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response

from ner_dist.serving import schemas
from ner_dist.serving.models import LOADING, Models
from ner_dist.serving.settings import Limits

# It is being started again, so the service as a whole need not be.
_WITHOUT_LARGE = "ok, but large requests are refused: the process that tags them is being started again"


def add_health(app: FastAPI, models: Models, limits: Limits, examples: bool) -> None:
    """examples: whether the models' own are told."""
    both: dict[int | str, dict[str, Any]] = {status: {"model": schemas.Readiness} for status in (200, 503)}

    @app.get("/livez", summary="Whether it should be left alone, not started again", responses=both)
    async def livez() -> Response:
        return _status(_sickness(models))

    @app.get("/readyz", summary="Whether it should be sent requests", responses=both)
    async def readyz() -> Response:
        return _status(models.unready())

    @app.get(
        "/healthz",
        summary="Whether texts can be tagged, by which model",
        responses={200: {"model": schemas.Health}, 503: {"model": schemas.Health}},
    )
    async def healthz() -> Response:
        sickness = _sickness(models)
        route = models.routes[models.default]
        model = route.current
        if model is None:
            sickness = sickness or f"loading: {LOADING}"
        elif sickness is None and any(m.large is not None and m.large.complaint() for m in models.serving()):
            return JSONResponse(_health(models, limits, _WITHOUT_LARGE))
        return JSONResponse(_health(models, limits, sickness or "ok"), 200 if sickness is None else 503)

    @app.get("/models", summary="The models that requests can ask for", response_model=list[schemas.ServedModel])
    async def list_models() -> Response:
        return JSONResponse([_described(models, name, examples) for name in models.routes])

    for path, show in (("/healthz", healthz), ("/livez", livez), ("/readyz", readyz)):
        app.head(path, include_in_schema=False)(show)


def _sickness(models: Models) -> str | None:
    return next(filter(None, (model.complaint() for model in models.serving())), None)


def _status(complaint: str | None) -> Response:
    return JSONResponse({"status": complaint or "ok"}, 200 if complaint is None else 503)


def _health(models: Models, limits: Limits, status: str) -> dict[str, Any]:
    of_default = _described(models, models.default, examples=False)
    model = models.routes[models.default].current
    return {
        "status": status,
        "model": of_default["model"],
        "reload": of_default["reload"],
        "models": list(models.routes),
        "entity_types": of_default["entity_types"],
        "tokenizer": "" if model is None else model.worker.tokenizer,
        "features": of_default["features"],
        "needs_pos": "pos" in of_default["features"],
        "limits": dataclasses.asdict(limits),
    }


def _described(models: Models, name: str, examples: bool) -> dict[str, Any]:
    route = models.routes[name]
    worker = None if route.current is None else route.current.worker
    return {
        "route": name,
        "default": name == models.default,
        "model": None if worker is None else dataclasses.asdict(worker.identity),
        "reload": route.reload,
        "entity_types": [] if worker is None else worker.entity_types,
        "features": [] if worker is None else worker.given_features,
        "examples": worker.examples if worker is not None and examples else [],
    }
