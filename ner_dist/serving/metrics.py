"""The service's Prometheus metrics: requests, batches, tokens and entities."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# Paths that are counted on their own; clients may make up any number of others.
_PATHS = {"/", "/tag", "/healthz", "/metrics", "/openapi.json", "/page.css", "/page.js"}
# The status that nginx counts for clients that close the connection before the answer.
CLIENT_GONE = 499


class BatchCounts(NamedTuple):
    """What one batch was."""

    num_texts: int
    num_tokens: int
    # Of these, words that the model knows.
    num_known: int
    # Entities by type.
    entities: Mapping[str, int]


class Metrics:
    def __init__(self) -> None:
        # Not the global registry, where a name can be used only once per process.
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "ner_requests", "Requests by path and status; 499: client gone.", ["path", "status"], registry=registry
        )
        self._latency = Histogram(
            "ner_request_seconds",
            "From the head of a request to its answer.",
            ["path"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._batches = Histogram("ner_batch_texts", "Texts tagged together.", buckets=_BATCH, registry=registry)
        self._tokens = Counter("ner_tokens", "Tokens tagged.", registry=registry)
        self._known = Counter("ner_known_tokens", "Of these, words that the model knows.", registry=registry)
        self._entities = Counter("ner_entities", "Entities found, by type.", ["type"], registry=registry)
        self.queue = Gauge("ner_queue_texts", "Texts waiting to be tagged.", registry=registry)
        self.large_requests = Gauge(
            "ner_large_requests", "Requests at the second process, waiting or in work.", registry=registry
        )
        self.large_cpu = Gauge(
            "ner_large_cpu_seconds", "CPU time of the second process, since its last start.", registry=registry
        )

    def request(self, path: str, status: int, seconds: float) -> None:
        path = path if path in _PATHS else "other"
        self._requests.labels(path, str(status)).inc()
        self._latency.labels(path).observe(seconds)

    def batch(self, counts: BatchCounts) -> None:
        self._batches.observe(counts.num_texts)
        self._tokens.inc(counts.num_tokens)
        self._known.inc(counts.num_known)
        for kind, number in counts.entities.items():
            self._entities.labels(kind).inc(number)


def measured(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """An ASGI application whose requests are counted and timed."""

    async def measured_app(scope: Scope, receive: Receive, send: Send) -> None:
        began_s = time.perf_counter()
        # If it ends without an answer.
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, watch)
        finally:
            metrics.request(scope["path"], status, time.perf_counter() - began_s)

    return measured_app
