"""POST /batch: each line is answered or refused by itself, in order, while lines come, and memory stays bounded."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from stub_service import RunningService, StubTagger, running_service, wait_until

from ner_dist.serving.schemas import LINES, LineAnswer
from ner_dist.serving.settings import Limits

TYPE = {"Content-Type": "application/x-ndjson"}
HEAD = b"POST /batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"


@pytest.fixture(scope="module", params=["one process", "two processes"])
def service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    limits = Limits(max_body=2000, timeout_s=5)
    with running_service(limits, load_large=None if request.param == "one process" else StubTagger) as found:
        yield found


def answered(service: RunningService, content: bytes | Iterator[bytes]) -> list[dict[str, Any]]:
    answer = service.client.post("/batch", content=content, headers=TYPE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_each_line_has_an_answer_in_its_place(service: RunningService) -> None:
    content = lines({"id": "a", "text": "met Ada"}, "to Bob", {"tokens": ["met", "Ada"], "pos": ["V", "N"], "id": 7})
    first, second, third = answered(service, content.rstrip())
    assert first["entities"][0]["start"] == 4
    assert (first["id"], second["id"], third["id"]) == ("a", 2, 7)
    assert third["entities"][0]["first_token"] == 1
    many = answered(service, lines(*({"id": i, "text": f"Text {i}"} for i in range(300))))
    assert [line["id"] for line in many] == [*range(300)]
    assert answered(service, b"") == answered(service, b"\n \n") == []


def test_what_is_wrong_with_a_line_is_said_in_its_place(service: RunningService) -> None:
    wrong = [
        (b"{", "the line is not JSON"),
        (b'"\xff"', "the line is not UTF-8"),
        (b"7", "the line is a number; expected a text"),
        (b'{"text": "a", "tokens": ["a"]}', "expected a text as a JSON string"),
        (b'{"texts": ["a"]}', "expected a text as a JSON string"),
        (b'{"id": {}, "text": "a"}', '"id" is an object'),
        (b'{"id": "\\ud800", "text": "a"}', "lone surrogate"),
        (b'{"id": 1e999, "text": "a"}', '"id" is too large'),
        (b'{"text": "a", "colour": 1}', "unknown field"),
        (b'{"text": "refuse me"}', "this text cannot be tagged"),
        (b'{"text": "break me"}', "the server failed at this"),
        (b'{"text": "a", "threshold": 2}', "expected a number from 0 to 1"),
        (b'{"text": "a", "threshold": {"X": 0.5}}', "no type of the model"),
        (b'"' + b"x" * 3000 + b'"', "the line is longer than the 2000 bytes"),
        (b"[" * 1900, "the line is nested too deeply"),
    ]
    content = b"\n".join([b'"Ada"', *(line for line, _ in wrong), b'{"id": "last", "text": "Bob"}'])
    first, *between, last = answered(service, content)
    assert (first["entities"][0]["text"], last["entities"][0]["text"], last["id"]) == ("Ada", "Bob", "last")
    for number, (found, (_, sentence)) in enumerate(zip(between, wrong), 2):
        assert (found["id"], sentence in found["error"]) == (number, True), found


def test_the_documented_lines_are_true(service: RunningService) -> None:
    for found in answered(service, "\n".join(LINES).encode()):
        assert LineAnswer.model_validate(found).model_dump(exclude_unset=True) == found


def test_lines_may_have_a_threshold_and_ask_for_confidence(service: RunningService) -> None:
    sure, unsure = answered(service, lines(*({"text": "Ada", "threshold": t, "confidence": True} for t in (0.5, 0.99))))
    assert (len(sure["entities"]), len(unsure["entities"])) == (1, 0)
    assert sure["sentences"] == [{"start": 0, "end": 3, "confidence": 1.0, "margin": 1.0}]


def test_lines_are_answered_while_others_come(service: RunningService) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        found = b""
        for name in ("Ada", "Bob"):
            line = lines(name)
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            while name.encode() not in found:
                found += connection.recv(1 << 16)
        connection.sendall(b"0\r\n\r\n")
        while not found.endswith(b"0\r\n\r\n"):
            found += connection.recv(1 << 16)


def test_a_client_that_does_not_read_stops_the_reading_of_its_lines() -> None:
    with running_service(Limits(timeout_s=20)) as service:
        line, sent = lines("Ada " * 500), 0
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (len(line) * 100_000))
            connection.settimeout(1.0)
            with contextlib.suppress(TimeoutError):
                while sent < 100_000:
                    connection.sendall(line)
                    sent += 1
            # What the system's buffers hold on both sides, and no more.
            assert sent < 20_000
            assert len(service.stub.texts) < sent
            assert service.tag(text="Bob").status_code == 200
        wait_until(lambda: service.worker.num_waiting == 0)


def test_a_client_that_goes_is_given_up(service: RunningService) -> None:
    before = service.metric('ner_requests_total{path="/batch",status="499"}')
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + lines("Ada"))
        time.sleep(0.1)
    wait_until(lambda: service.metric('ner_requests_total{path="/batch",status="499"}') == before + 1)


def test_lines_that_do_not_come_end_the_answer_with_a_sentence() -> None:
    with running_service(Limits(timeout_s=0.2)) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + lines("Ada"))
            found = b""
            while part := connection.recv(1 << 16):
                found += part
        assert b'"Ada"' in found
        assert b'{"error": "no more lines came for 0.2 seconds' in found


def test_a_full_queue_delays_lines_and_refuses_none() -> None:
    with running_service(Limits(max_queue=1)) as service:
        service.stub.free.clear()
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.extend(answered(service, lines(*["Ada"] * 20))))
        thread.start()
        wait_until(service.stub.begun.is_set)
        service.stub.free.set()
        thread.join()
        assert [len(line["entities"]) for line in results] == [1] * 20


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 415), ({"Content-Type": "text/plain"}, 415), ({**TYPE, "Content-Encoding": "gzip"}, 415)],
)
def test_other_bodies_are_refused(service: RunningService, headers: dict[str, str], status: int) -> None:
    answer: httpx.Response = service.client.post("/batch", content=b'"Ada"', headers=headers)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
