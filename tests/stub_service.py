"""A stand-in for the tagger, and the service around it, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import httpx
import uvicorn

from ner_dist.contract.tokenizers import choose
from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, Entity, Sentence
from ner_dist.prediction.familiarity import Familiarity
from ner_dist.prediction.identity import ModelIdentity
from ner_dist.serving.access_log import AccessLog
from ner_dist.serving.app import create_app
from ner_dist.serving.batching import TaggingWorker
from ner_dist.serving.metrics import Metrics
from ner_dist.serving.models import Models, ModelSource
from ner_dist.serving.served_model import Loads
from ner_dist.serving.server import configure, run
from ner_dist.serving.settings import BatchSettings, Limits, ServerSettings
from ner_dist.serving.tokens import Tokens

# The label of metrics with the model, first or last among others.
_OF_MODEL = re.compile(r'(?<=\{)model="[^"]*",?|,model="[^"]*"')


class StubTagger:
    """Finds words that begin with a capital letter, whenever the test lets it."""

    def __init__(self, given_features: Sequence[str] = ()) -> None:
        self.entity_types = ["LOC", "PER"]
        self.given_features = list(given_features)
        self.tokenizer = choose("whitespace", None)
        self.familiarity = Familiarity()
        self.identity = ModelIdentity("stub", "1", "0" * 64, None, None, 0.5, "whitespace", None)
        self.examples = ["Ada met Bob in Paris."]
        # Texts of each batch.
        self.batches: list[list[str]] = []
        # It works only while the first is set, and sets the second when it begins.
        self.free, self.begun = threading.Event(), threading.Event()
        self.free.set()

    def document(self, text: str) -> Document:
        found = list(re.finditer(r"\S+", text))
        sentence = Sentence([m.group() for m in found], [m.start() for m in found], [m.end() for m in found])
        return Document(text, [sentence])

    def stream(self, documents: Iterable[Document], *, certainty: bool = True) -> Iterator[Document]:
        documents = list(documents)
        self.batches.append([document.text for document in documents])
        self.begun.set()
        assert self.free.wait(20)
        num_tokens = sum(document.num_tokens for document in documents)
        # It knows no Greek.
        num_known = sum(token.isascii() for d in documents for sentence in d.sentences for token in sentence.tokens)
        self.familiarity = Familiarity(self.familiarity[0] + num_tokens, self.familiarity[1] + num_known)
        for document in documents:
            if "refuse me" in document.text:
                raise UserError("this text cannot be tagged")
            if "break me" in document.text:
                raise ZeroDivisionError
            yield document._replace(entities=list(_entities(document)))

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]


def _entities(document: Document) -> Iterator[Entity]:
    for number, (tokens, starts, ends, *_) in enumerate(document.sentences):
        for place, (token, start, end) in enumerate(zip(tokens, starts, ends)):
            if token[0].isupper():
                yield Entity(start, end, "PER", 0.987654321, token, number, place, place + 1)


class SlowStub(StubTagger):
    """Takes as many seconds as a text that is a number."""

    def stream(self, documents: Any, *, certainty: bool = True) -> Any:
        documents = list(documents)
        for document in documents:
            if document.text[:1].isdigit():
                time.sleep(float(document.text))
        return super().stream(documents)


def stub_source(load: Callable[[], Any], load_large: Callable[[], Any] | None = None) -> ModelSource:
    return ModelSource("stub", lambda: Loads(load, load_large))


def serve_slow(grace_s: float, **others: Any) -> None:
    """Serve SlowStub until a signal; for a process of its own. others: of the server's settings."""
    settings = ServerSettings("127.0.0.1", 0, grace_s, 64, processes=1, **others)
    run([stub_source(SlowStub)], settings, BatchSettings(), Limits())


def post(body: bytes, *headers: bytes) -> bytes:
    """A request for POST /tag, as it is sent. headers: more of them, such as b"Connection: close"."""
    lines = [b"POST /tag HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


class RunningService(NamedTuple):
    stub: StubTagger
    models: Models
    client: httpx.Client
    port: int
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop

    @property
    def worker(self) -> TaggingWorker:
        return self.models.find().worker

    def num_unread(self) -> int:
        """Connections whose clients do not read their answers."""
        protocols: list[Any] = [*self.server.server_state.connections]
        return sum(protocol.flow.write_paused for protocol in protocols)

    def tag(self, **request: Any) -> httpx.Response:
        return self.client.post("/tag", json=request)

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        return self.client.post("/tag", content=body, headers={"Content-Type": "application/json", **headers})

    def metric(self, name: str) -> float:
        """The value of a metric's line, 0 if there is none. name: without the label of the model."""
        lines = _OF_MODEL.sub("", self.client.get("/metrics").text).replace("{}", "").splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


@contextlib.contextmanager
def running_service(
    limits: Limits | None = None,
    batches: BatchSettings | None = None,
    stub: StubTagger | None = None,
    load_large: Callable[[], Any] | None = None,
    sources: Sequence[ModelSource] = (),
    log: Callable[[Metrics], AccessLog] | None = None,
    tokens: Tokens | None = None,
) -> Iterator[RunningService]:
    """A service in this process, at a port of its own. load_large: its second process has the tagger of this."""
    limits, stub, metrics = limits or Limits(), stub or StubTagger(), Metrics()
    served, lines = stub, log(metrics) if log else None
    sources = sources or [stub_source(lambda: served, load_large)]
    models = Models(sources, batches or BatchSettings(), limits, metrics)
    loops: list[asyncio.AbstractEventLoop] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settings = ServerSettings("127.0.0.1", port, grace_s=1.0, max_connections=64)
        app = create_app(models, limits, metrics, tokens=tokens, log=lines)
        server = uvicorn.Server(configure(app, settings, limits))

        async def serve() -> None:
            loops.append(asyncio.get_running_loop())
            await models.load()
            await server.serve([listener])
            await models.give_up()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        wait_until(lambda: server.started)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield RunningService(stub, models, client, port, server, loops[0])
        finally:
            stub.free.set()
            server.should_exit = True
            thread.join()
            if lines is not None:
                lines.close()
            assert models.join(5)
            models.end_processes()


def wait_until(true: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.005)
