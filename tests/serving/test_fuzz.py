"""Random requests, from well-formed to noise: each is answered or refused in a sentence, and none is a fault of ours.

They go through everything but the socket: the protocol, the routes, and the worker's queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stub_service import StubTagger, stub_source
from uvicorn.server import ServerState

from ner_dist.serving.app import create_app
from ner_dist.serving.connections import BoundedProtocol
from ner_dist.serving.metrics import Metrics
from ner_dist.serving.models import Models
from ner_dist.serving.server import configure
from ner_dist.serving.settings import BatchSettings, Limits, ServerSettings

LIMITS = Limits(max_body=4000, max_texts=8, max_characters=60, max_tokens=8, timeout_s=20)

METHODS = (*["POST"] * 12, "GET", "HEAD", "PUT", "OPTIONS", "DELETE", "CONNECT", "post", "G T", "")
TARGETS = (
    *["/tag"] * 12,
    "/",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/page.js",
    "/tag/",
    "/tag?a=%ff",
    "//tag",
    "/tag?model=x",
    "/batch",
    "/models",
    "/models/stub/tag",
)
TARGETS += ("*", "http://evil.example/tag", "/%00%0a", "/../tag", "/t\u00e4g", "/docs", "tag", "")
TYPES = ("application/x-ndjson", "application/json; charset=utf-8", "text/plain", "", "\xff/;;")
HEADERS: dict[str, tuple[str, ...]] = {
    "Host": (*["localhost"] * 12, "127.0.0.1:8000", "[::1]", "evil.example", "", "a b", "localhost, evil"),
    "Content-Type": (
        *["application/json"] * 12,
        "application/x-ndjson",
        "application/json; charset=utf-8",
        "text/plain",
        "",
        "\xff/;;",
    ),
    "Connection": ("keep-alive", "close", "upgrade", "close, keep-alive"),
    "Origin": ("http://localhost", "http://evil.example", "null", "", "http://[", "\xff"),
    "Sec-Fetch-Site": ("same-origin", "cross-site", "none", "?"),
    "Expect": ("100-continue", "200-ok"),
    "Content-Encoding": ("identity", "gzip", "br"),
    "Upgrade": ("websocket", "h2c"),
    "Accept": ("*/*", "a" * 3000),
}
OFTEN = ("Host", "Content-Type")
SCRAPS = (
    "Ada",
    "to Bob ",
    "",
    " ",
    "x" * 70,
    "\0",
    "\ud800",
    "\U0001f680",
    "שלום",
    "\u202e",
    "\n\r",
    "refuse me",
    "é" * 60,
)
FIELDS = ("text", "texts", "tokens", "pos", "", "__proto__", "text\0")
WELL_FORMED = (
    b'{"text": "to Ada"}',
    b'{"texts": ["to Ada", "", "Bob"]}',
    b'{"tokens": [["to", "Ada"], []], "pos": [["IN", "NNP"], []]}',
)


def any_value(choose: random.Random, depth: int = 3) -> Any:
    kind = choose.randrange(12 if depth else 9)
    if kind < 5:
        return "".join(choose.choices(SCRAPS, k=choose.randrange(3)))
    if kind < 9:
        return choose.choice([None, True, 0, -1, 10**40, 1e300, float("nan")])
    size = choose.randrange(10) if kind < 11 else choose.randrange(4)
    if kind < 11:
        return [any_value(choose, depth - 1) for _ in range(size)]
    return {choose.choice(FIELDS): any_value(choose, depth - 1) for _ in range(size)}


def any_body(choose: random.Random) -> bytes:
    kind = choose.randrange(10)
    if kind < 3:
        return choose.choice(WELL_FORMED)
    if kind < 7:
        value = {choose.choice(FIELDS[:4]): any_value(choose) for _ in range(1 + choose.randrange(2))}
        return json.dumps(value, ensure_ascii=choose.random() < 0.5).encode("utf-8", "surrogatepass")
    if kind == 7:
        return json.dumps(any_value(choose)).encode()
    if kind == 8:
        return choose.choice([b"[", b'{"text":', b"1", b'"', b" ", b"\xff", b'{"tokens":[["a",']) * choose.randrange(
            1500
        )
    return choose.randbytes(choose.randrange(40))


def mutated(choose: random.Random, sent: bytes) -> bytes:
    """Bytes replaced, taken out, repeated or put in, at a few places."""
    for _ in range(1 + choose.randrange(3)):
        first = choose.randrange(len(sent) + 1)
        end = min(len(sent), first + choose.randrange(6))
        put = choose.choice([b"", choose.randbytes(1), b"\r\n", b"\0", sent[first:end] * 3, b":", b" "])
        sent = sent[:first] + put + sent[end:]
    return sent


def any_request(choose: random.Random) -> bytes:
    body = any_body(choose)
    lines = [
        f"{choose.choice(METHODS)} {choose.choice(TARGETS)} HTTP/{choose.choice(['1.1'] * 9 + ['1.0', '2.0', 'x'])}"
    ]
    for name, values in HEADERS.items():
        if choose.random() < (0.95 if name in OFTEN else 0.1):
            lines.append(f"{name}: {choose.choice(values)}")
    framing = choose.randrange(10)
    if framing < 7:
        lines.append(f"Content-Length: {len(body)}")
    elif framing < 9:
        lines.append("Transfer-Encoding: chunked")
        size = 1 + choose.randrange(200)
        chunks = [body[first : first + size] for first in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    else:
        lines.append(f"Content-Length: {choose.choice(['0', '-1', '7', '99999', '1e3', '5, 6', '9' * 40])}")
    sent = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
    return mutated(choose, sent) if choose.random() < 0.3 else sent


def any_parts(choose: random.Random) -> list[bytes]:
    """What a client sends on one connection, as it arrives."""
    sent = b"".join(any_request(choose) for _ in range(1 + (choose.random() < 0.2)))
    places = sorted(choose.randrange(len(sent) + 1) for _ in range(choose.randrange(4)))
    return [sent[first:end] for first, end in zip([0, *places], [*places, len(sent)]) if end > first]


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.is_open = True

    def write(self, data: bytes) -> None:
        assert self.is_open
        self.written += data

    def close(self) -> None:
        self.is_open = False

    abort = close

    def is_closing(self) -> bool:
        return not self.is_open

    def ignore(self) -> None:
        pass

    pause_reading = resume_reading = write_eof = ignore

    def get_extra_info(self, name: str) -> None:
        return None


class Fuzzed:
    """The service without a socket; its own faults are kept."""

    def __init__(self) -> None:
        metrics = Metrics()
        models = Models([stub_source(StubTagger)], BatchSettings(), LIMITS, metrics)
        server = ServerSettings(max_connections=8)
        self.config = configure(create_app(models, LIMITS, metrics), server, LIMITS)
        self.config.load()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(models.load())
        self.worker = models.find().worker
        self.logged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.slowest_s = 0.0

    def check(self, parts: list[bytes]) -> None:
        began_s = time.perf_counter()
        answer = self.loop.run_until_complete(asyncio.wait_for(self._exchange(parts), 20))
        self.slowest_s = max(self.slowest_s, time.perf_counter() - began_s)
        assert self.logged == [], parts
        heads = re.findall(rb"(?:^|[}\n])HTTP/1\.1 (\d+) ", answer)
        self.statuses.update(map(int, heads))
        for status in map(int, heads):
            assert status < 500 or status == 503, parts
        assert b"Traceback" not in answer
        last = answer.rpartition(b"HTTP/1.1 ")[2]
        content = last.partition(b"\r\n\r\n")[2]
        if last[:1] in (b"4", b"5") and content:
            error = json.loads(content)["error"]
            assert re.fullmatch(r"[^\n]{10,400}", error), parts

    async def _exchange(self, parts: list[bytes]) -> bytes:
        state = ServerState()
        http: Any = self.config.http_protocol_class
        protocol: BoundedProtocol = http(config=self.config, server_state=state, app_state={})
        wire = Wire()
        protocol.connection_made(wire)
        for part in parts:
            if wire.is_open:
                protocol.data_received(part)
                await asyncio.sleep(0)
        while protocol._is_at_work and not protocol.cycle.more_body and not protocol.cycle.disconnected:
            await asyncio.sleep(0.0002)
        protocol.connection_lost(None)
        await asyncio.gather(*state.tasks)
        assert not state.connections
        return wire.written

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append(record.getMessage())


@contextlib.contextmanager
def fuzzed() -> Iterator[Fuzzed]:
    found = Fuzzed()
    handler = logging.Handler()
    handler.emit = found.emit  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "ner_dist.serving", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield found
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        found.worker.close()
        found.loop.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Fuzzed]:
    with fuzzed() as found:
        yield found


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_any_request_is_answered_or_refused_in_a_sentence(service: Fuzzed, choose: random.Random) -> None:
    service.check(any_parts(choose))


@pytest.mark.faults
def test_very_many_requests_are_answered_or_refused_in_a_sentence(service: Fuzzed) -> None:
    num_inputs = int(os.environ.get("FAULTS_REQUESTS", "100000"))
    for seed in range(num_inputs):
        service.check(any_parts(random.Random(seed)))
    print(f"{num_inputs} connections, {dict(service.statuses)}, slowest {service.slowest_s:.2f} s")
    assert {200, 400, 403, 405, 413, 415, 422} <= set(service.statuses)
