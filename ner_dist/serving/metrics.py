"""The service's Prometheus metrics: requests, batches, tokens and entities, by the model that answers: NAME@VERSION."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from ner_dist.prediction.identity import ModelIdentity

_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# Paths that are counted on their own; clients may make up any number of others.
_PATHS = {"/", "/tag", "/batch", "/models", "/healthz", "/livez", "/readyz", "/metrics", "/openapi.json"}
_PATHS |= {"/page.css", "/marks.js", "/model.js", "/page.js"}
_OF_MODEL = ["model"]
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
            "ner_requests",
            "Requests by path, status and the model that answered; 499: client gone.",
            ["path", "status", "model"],
            registry=registry,
        )
        self._latency = Histogram(
            "ner_request_seconds",
            "From the head of a request to its answer.",
            ["path"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._batches = Histogram(
            "ner_batch_texts", "Texts tagged together.", _OF_MODEL, buckets=_BATCH, registry=registry
        )
        self._tokens = Counter("ner_tokens", "Tokens tagged.", _OF_MODEL, registry=registry)
        self._known = Counter("ner_known_tokens", "Of these, words that the model knows.", _OF_MODEL, registry=registry)
        self._entities = Counter("ner_entities", "Entities found, by type.", ["model", "type"], registry=registry)
        self._reloads = Counter(
            "ner_reloads", "New versions, by outcome: done or failed.", ["route", "outcome"], registry=registry
        )
        self._models = Gauge(
            "ner_model_info",
            "Always 1: the models that answer now, the route that each answers, and where they come from.",
            ["route", "model", "name", "version", "sha256", "commit", "data", "tokenizer"],
            registry=registry,
        )
        self._dev_f1 = Gauge("ner_model_dev_f1", "Its entity F1 on dev, 0 to 1.", _OF_MODEL, registry=registry)
        self.ready = Gauge("ner_ready", "1 while /readyz is 200.", registry=registry)
        self.queue = Gauge("ner_queue_texts", "Texts waiting to be tagged.", registry=registry)
        self.large_requests = Gauge(
            "ner_large_requests", "Requests at the second process, waiting or in work.", registry=registry
        )
        self.large_cpu = Gauge(
            "ner_large_cpu_seconds", "CPU time of the second process, since its last start.", registry=registry
        )
        self.large_ready = Gauge(
            "ner_large_ready", "1 while large requests are taken: its second process runs.", registry=registry
        )
        self.lost_lines = Counter(
            "ner_access_log_lost", "Lines that the access log's reader was too slow for.", registry=registry
        )

    def request(self, path: str, status: int, model: ModelIdentity | None, seconds: float) -> None:
        if path not in _PATHS:
            path = "/tag" if path.startswith("/models/") and path.endswith("/tag") else "other"
        self._requests.labels(path, str(status), "" if model is None else str(model)).inc()
        self._latency.labels(path).observe(seconds)

    def batch(self, model: ModelIdentity, counts: BatchCounts) -> None:
        name = str(model)
        self._batches.labels(name).observe(counts.num_texts)
        self._tokens.labels(name).inc(counts.num_tokens)
        self._known.labels(name).inc(counts.num_known)
        for kind, number in counts.entities.items():
            self._entities.labels(name, kind).inc(number)

    def serves(self, route: str, model: ModelIdentity, instead_of: ModelIdentity | None) -> None:
        """Note which model answers at a route now."""
        if instead_of is not None:
            self._models.remove(*_labels(route, instead_of))
        self._models.labels(*_labels(route, model)).set(1)
        for outcome in ("done", "failed"):
            # From 0 on, so that Prometheus sees the first one as an increase.
            self._reloads.labels(route, outcome)
        if model.dev_f1 is not None:
            self._dev_f1.labels(str(model)).set(model.dev_f1)

    def reloaded(self, route: str, outcome: str) -> None:
        self._reloads.labels(route, outcome).inc()


def _labels(route: str, model: ModelIdentity) -> list[str]:
    facts = (str(model), model.name, model.version, model.sha256, model.commit, model.data, model.tokenizer)
    return [route, *(fact or "" for fact in facts)]
