"""The service by HTTP: what it answers, what it tells of itself; and a stand-in for the tagger, for all its tests."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, Entity, Sentence
from ner_dist.serving.app import create_app
from ner_dist.serving.batching import Batcher, Knobs
from ner_dist.serving.limits import Limits
from ner_dist.serving.metrics import Measured, Metrics
from ner_dist.serving.schemas import ANSWERS, REQUESTS, TextAnswer, TextsAnswer, TokensAnswer
from ner_dist.serving.server import Place, configure


class Stub:
    """Finds words that begin with a capital letter, as fast as it is let."""

    def __init__(self, needs_pos: bool = False) -> None:
        self.entity_types = ["LOC", "PER"]
        self.needs_pos = needs_pos
        # Texts of each batch.
        self.batches: list[list[str]] = []
        # It works only while this is set, and says by the other that it has begun.
        self.free, self.begun = threading.Event(), threading.Event()
        self.free.set()

    def document(self, text: str) -> Document:
        found = list(re.finditer(r"\S+", text))
        sentence = Sentence([m.group() for m in found], [m.start() for m in found], [m.end() for m in found])
        return Document(text, [sentence])

    def stream(self, documents: Iterable[Document]) -> Iterator[Document]:
        documents = list(documents)
        self.batches.append([document.text for document in documents])
        self.begun.set()
        assert self.free.wait(20)
        for document in documents:
            if "mend me" in document.text:
                raise UserError("this text is to be mended")
            if "break me" in document.text:
                raise ZeroDivisionError
            yield document._replace(entities=list(_entities(document)))

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]


def _entities(document: Document) -> Iterator[Entity]:
    for number, (tokens, starts, ends, _) in enumerate(document.sentences):
        for place, (token, start, end) in enumerate(zip(tokens, starts, ends)):
            if token[0].isupper():
                yield Entity(start, end, "PER", 0.987654321, token, number, place, place + 1)


class Served(NamedTuple):
    stub: Stub
    batcher: Batcher
    client: httpx.Client
    port: int

    def tag(self, **request: Any) -> httpx.Response:
        return self.client.post("/tag", json=request)

    def metric(self, name: str) -> float:
        """The value of a metric's line, 0 if there is none."""
        lines = self.client.get("/metrics").text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


@contextlib.contextmanager
def served(limits: Limits | None = None, knobs: Knobs | None = None, stub: Stub | None = None) -> Iterator[Served]:
    """A service in this process, at a port of its own."""
    limits, stub, metrics = limits or Limits(), stub or Stub(), Metrics()
    batcher = Batcher(lambda: stub, knobs or Knobs(), metrics)
    batcher.start()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = configure(
            Measured(create_app(batcher, limits, metrics), metrics), Place("127.0.0.1", port, 1.0, 64), limits
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        wait_until(lambda: server.started)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield Served(stub, batcher, client, port)
        finally:
            stub.free.set()
            server.should_exit = True
            thread.join()
            batcher.close()
            assert batcher.join(5)


def wait_until(true: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.005)


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served() as found:
        yield found


def test_a_text_is_answered_with_its_entities(service: Served) -> None:
    answer = service.tag(text="met Ada in Paris")
    assert answer.status_code == 200
    assert answer.json() == {
        "entities": [
            {"start": 4, "end": 7, "type": "PER", "text": "Ada", "confidence": 0.987654},
            {"start": 11, "end": 16, "type": "PER", "text": "Paris", "confidence": 0.987654},
        ]
    }


def test_places_are_code_points(service: Served) -> None:
    text = "👩‍🚀 \U0001d538da café Zu\u0308rich שלום Ada"
    (*_, last) = service.tag(text=text).json()["entities"]
    assert text[last["start"] : last["end"]] == last["text"] == "Ada"
    assert last["start"] == len(text) - 3


def test_texts_have_a_result_each_in_their_order(service: Served) -> None:
    results = service.tag(texts=["Ada", "", "none", "to Bob"]).json()["results"]
    assert [[entity["text"] for entity in result["entities"]] for result in results] == [["Ada"], [], [], ["Bob"]]
    assert service.tag(texts=[]).json() == {"results": []}


def test_tokens_are_answered_with_the_places_of_tokens(service: Served) -> None:
    answer = service.tag(tokens=[["met", "Ada"], [], ["Bob"]], pos=[["VBD", "NNP"], [], ["NNP"]]).json()
    of_ada = {"first_token": 1, "end_token": 2, "type": "PER", "text": "Ada", "confidence": 0.987654}
    assert [result["entities"][:1] for result in answer["results"]][:2] == [[of_ada], []]
    assert answer["results"][2]["entities"][0]["first_token"] == 0


def test_each_text_of_a_large_request_is_tagged_once(service: Served) -> None:
    service.stub.batches.clear()
    texts = [f"Text {number}" for number in range(100)]
    results = service.tag(texts=texts).json()["results"]
    assert [result["entities"][0]["text"] for result in results] == ["Text"] * 100
    assert service.stub.texts == texts
    assert [len(batch) for batch in service.stub.batches] == [64, 36]


def test_the_documented_examples_are_true(service: Served) -> None:
    for example in REQUESTS.values():
        assert service.tag(**example["value"]).status_code == 200
    models = {"text": TextAnswer, "texts": TextsAnswer, "tokens": TokensAnswer}
    for name, model in models.items():
        answer = service.tag(**REQUESTS[name]["value"]).json()
        # Both what is answered and what is shown have all fields of the documentation, and no others.
        for found in (answer, ANSWERS[name]["value"]):
            assert model.model_validate(found).model_dump() == found


def test_the_documentation_holds_limits_answers_and_problems(service: Served) -> None:
    operation = service.client.get("/openapi.json").json()["paths"]["/tag"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert list(content["examples"]) == list(REQUESTS)
    forms = {form["title"]: form["properties"] for form in content["schema"]["oneOf"]}
    assert forms["Text"]["text"]["maxLength"] == Limits().max_characters
    assert forms["Texts"]["texts"]["maxItems"] == Limits().max_texts
    assert {"200", "400", "408", "413", "415", "422", "503"} <= set(operation["responses"])
    assert "code points" in service.client.get("/openapi.json").json()["info"]["description"]


def test_health_tells_types_and_limits(service: Served) -> None:
    answer = service.client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["entity_types"] == ["LOC", "PER"]
    assert answer.json()["limits"]["max_texts"] == Limits().max_texts
    assert service.client.head("/healthz").status_code == 200


def test_health_ends_with_the_worker() -> None:
    with served() as service:
        service.batcher.close()
        assert service.batcher.join(5)
        answer = service.client.get("/healthz")
        assert (answer.status_code, answer.json()["status"]) == (503, "the tagger's thread has ended")
        assert service.tag(text="Ada").status_code == 503


def test_health_notices_a_worker_that_hangs() -> None:
    with served(Limits(timeout_s=0.05)) as service:
        service.stub.free.clear()
        assert service.tag(text="Ada").status_code == 503
        wait_until(lambda: service.client.get("/healthz").status_code == 503)
        service.stub.free.set()
        wait_until(lambda: service.client.get("/healthz").status_code == 200)


def test_metrics_count_requests_batches_tokens_and_entities() -> None:
    with served() as service:
        service.tag(text="met Ada in Paris")
        service.tag(texts=["Bob", "no one"])
        service.tag(text=7)
        service.client.get("/made-up/by-a-client")
        assert service.metric('ner_requests_total{path="/tag",status="200"}') == 2
        assert service.metric('ner_requests_total{path="/tag",status="422"}') == 1
        assert service.metric('ner_requests_total{path="other",status="404"}') == 1
        assert service.metric('ner_request_seconds_count{path="/tag"}') == 3
        assert (service.metric("ner_batch_texts_count"), service.metric("ner_batch_texts_sum")) == (2, 3)
        assert service.metric("ner_tokens_total") == 7
        assert service.metric('ner_entities_total{type="PER"}') == 3
        assert service.metric("ner_queue_texts") == 0


def test_other_pages_and_methods_are_refused_in_a_sentence(service: Served) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/tag", 405), ("POST", "/", 405)):
        answer = service.client.request(method, path)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
        assert "POST /tag" in answer.json()["error"]


def test_the_page_may_load_nothing_from_elsewhere(service: Served) -> None:
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        answer = service.client.get(path)
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "http" not in policy
