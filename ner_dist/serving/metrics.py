"""What the service tells Prometheus of requests, batches, tokens and entities."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ner_dist.prediction.documents import Document

_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# Paths of their own in the figures; clients may make up any number of others.
_PATHS = {"/", "/tag", "/healthz", "/metrics", "/openapi.json", "/page.css", "/page.js"}
# As nginx counts clients that have not waited for the answer.
CLIENT_GONE = 499

CONTENT_TYPE = CONTENT_TYPE_LATEST

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Metrics:
    def __init__(self) -> None:
        # Not the global one, in which a name can be used once in a process.
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "ner_requests", "Requests by path and status; 499: gone early.", ["path", "status"], registry=registry
        )
        self._latency = Histogram(
            "ner_request_seconds",
            "From a request's head to its answer.",
            ["path"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._batches = Histogram("ner_batch_texts", "Texts tagged together.", buckets=_BATCH, registry=registry)
        self._tokens = Counter("ner_tokens", "Tokens tagged.", registry=registry)
        self._entities = Counter("ner_entities", "Entities found, by type.", ["type"], registry=registry)
        self._queue = Gauge("ner_queue_texts", "Texts that wait.", registry=registry)

    def follow_queue(self, length: Callable[[], float]) -> None:
        """Ask for the length of the queue whenever the metrics are read."""
        self._queue.set_function(length)

    def request(self, path: str, status: int, seconds: float) -> None:
        path = path if path in _PATHS else "other"
        self._requests.labels(path, str(status)).inc()
        self._latency.labels(path).observe(seconds)

    def batch(self, documents: Sequence[Document]) -> None:
        self._batches.observe(len(documents))
        self._tokens.inc(sum(len(sentence.tokens) for document in documents for sentence in document.sentences))
        for document in documents:
            for entity in document.entities:
                self._entities.labels(entity.type).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)


class Measured:
    """An ASGI application whose requests are counted and timed."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        # Unless it answers.
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._metrics.request(scope["path"], status, time.perf_counter() - began_s)
