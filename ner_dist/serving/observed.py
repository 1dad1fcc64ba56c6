"""Every request is counted and timed, gets an id, and has its line in the access log."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ner_dist.serving.access_log import AccessLog
from ner_dist.serving.facts import KEY, Facts
from ner_dist.serving.metrics import CLIENT_GONE, Metrics

_CLOSE = (b"connection", b"close")


def observed(app: ASGIApp, metrics: Metrics, log: AccessLog, is_draining: Callable[[], bool]) -> ASGIApp:
    """is_draining: whether clients are to connect to another service for what follows."""

    async def observed_app(scope: Scope, receive: Receive, send: Send) -> None:
        began_s = time.perf_counter()
        facts = scope[KEY] = Facts(scope["headers"])
        # If it ends without an answer.
        status, bytes_out = 500, 0

        async def watch(message: Message) -> None:
            nonlocal status, bytes_out
            if message["type"] == "http.response.start":
                status = message["status"]
                closing = [_CLOSE] if is_draining() else []
                message["headers"] = [*message["headers"], *facts.headers(), *closing]
            else:
                bytes_out += len(message.get("body", b""))
            await send(message)

        try:
            await app(scope, receive, watch)
        finally:
            seconds = time.perf_counter() - began_s
            status = CLIENT_GONE if facts.is_gone else status
            metrics.request(scope["path"], status, facts.model, seconds)
            log.add(facts, scope["method"], scope["path"], status, bytes_out, seconds)

    return observed_app
