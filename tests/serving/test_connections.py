"""Whatever a client sends, or does not read: it sees why it is refused, and the others are served."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stub_service import RunningService, StubTagger, post, running_service, wait_until

from ner_dist.prediction.documents import Document, Entity
from ner_dist.serving.settings import Limits

CLOSE = b"Connection: close"


class TalkativeStub(StubTagger):
    """Finds very long entities in texts that begin with "many"."""

    def stream(self, documents: object, *, certainty: bool = True) -> Iterator[Document]:
        for document in super().stream(documents):  # type: ignore[arg-type]
            if document.text.startswith("many"):
                document = document._replace(entities=[Entity(0, 4, "PER", 0.5, "x" * 40_000, 0, 0, 1)] * 500)
            yield document


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(Limits(timeout_s=0.6, max_body=2000, max_pending=1 << 26), stub=TalkativeStub()) as found:
        yield found


@contextlib.contextmanager
def connected(service: RunningService, receive_bytes: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as connection:
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", service.port))
        yield connection


def received(connection: socket.socket) -> bytes:
    """All until the server ends the connection; an error if it resets it."""
    found = b""
    while part := connection.recv(1 << 20):
        found += part
    return found


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def chunked(*headers: bytes) -> bytes:
    """The head of a request whose body comes in chunks."""
    return post(b"", b"Transfer-Encoding: chunked", *headers).replace(b"Content-Length: 0\r\n", b"")


@pytest.mark.parametrize("kind", [b"application/json", b"text/plain"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_client_that_sends_everything_first_sees_why_it_is_refused(
    service: RunningService, kind: bytes, is_chunked: bool
) -> None:
    body = b" " * (8 << 20)
    sent = chunked(CLOSE) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if is_chunked else post(body, CLOSE)
    with connected(service) as connection:
        connection.sendall(sent.replace(b"application/json", kind, 1))
        answer = received(connection)
    assert statuses(answer) == [413 if kind == b"application/json" else 415]
    assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == ["error"]


def test_a_client_that_goes_on_sending_is_cut_off(service: RunningService) -> None:
    with connected(service) as connection:
        connection.sendall(post(b" " * 5000).replace(b"5000", b"99999999999"))
        with contextlib.suppress(OSError):
            for _ in range(1000):
                connection.sendall(b" " * (1 << 20))
        # It was before all of that was sent.
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.sendall(b" ")
    assert service.tag(text="Ada").status_code == 200


def test_what_is_no_http_is_answered_in_json(service: RunningService) -> None:
    for wrong in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000, post(b"")[:30] + b"\0\r\n\r\n"):
        with connected(service) as connection:
            connection.sendall(wrong)
            answer = received(connection)
        assert (statuses(answer), b'{"error": "this is not a request' in answer) == ([400], True)


def test_a_flood_of_headers_is_refused(service: RunningService) -> None:
    with connected(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(100_000)))
        assert statuses(received(connection)) == [400]


def test_a_body_in_tiny_chunks_is_refused(service: RunningService) -> None:
    with connected(service) as connection:
        connection.sendall(chunked() + b"1\r\n \r\n" * 100_000)
        assert statuses(received(connection)) == [400]
    # A few may be tiny.
    with connected(service) as connection:
        connection.sendall(chunked(CLOSE))
        for letter in b'{"text": "to Ada"}':
            connection.sendall(b"1\r\n%c\r\n" % letter)
        connection.sendall(b"0\r\n\r\n")
        assert statuses(received(connection)) == [200]


def test_requests_sent_at_once_are_answered_one_after_another(service: RunningService) -> None:
    with connected(service) as connection:
        texts = [b"Ada%d" % number for number in range(40)]
        sent = b"".join(post(b'{"text": "%s"}' % text) for text in texts)
        connection.sendall(sent + post(b'{"text": ""}', CLOSE))
        answer = received(connection)
    assert statuses(answer) == [200] * 41
    assert re.findall(rb"Ada\d+", answer) == texts


def test_an_answer_that_nobody_reads_is_given_up(service: RunningService) -> None:
    with connected(service, receive_bytes=4096) as connection:
        connection.sendall(post(b'{"text": "many"}'))
        wait_until(lambda: service.num_unread() == 1)
        # The system takes some of its 20 megabytes; the rest is dropped with the connection.
        wait_until(lambda: service.num_unread() == 0)
        with contextlib.suppress(ConnectionResetError):
            assert len(received(connection)) < 500 * 40_000
    assert service.tag(text="Ada").status_code == 200


def test_a_large_answer_arrives_whole(service: RunningService) -> None:
    entities = service.tag(text="many").json()["entities"]
    assert (len(entities), len(entities[-1]["text"])) == (500, 40_000)


def test_bodies_and_answers_have_a_limit_together() -> None:
    with running_service(Limits(max_pending=8000)) as service, ThreadPoolExecutor(3) as pool:
        service.stub.free.clear()
        waiting = pool.submit(service.tag, text="Ada " * 1500)
        assert service.stub.begun.wait(5)
        answer = service.tag(text="Bob " * 1500)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "hold 6011 bytes (--max-pending)" in answer.json()["error"]
        # Small ones are not kept out.
        small = pool.submit(service.tag, text="Bob")
        wait_until(lambda: service.worker.num_waiting == 1)
        service.stub.free.set()
        assert (waiting.result().status_code, small.result().status_code) == (200, 200)
        # Nothing is held any more, and a single one may be larger.
        assert service.tag(text="Bob " * 2400).status_code == 200


def test_idle_connections_make_room_for_new_ones(service: RunningService) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(service)) for _ in range(64)]
        assert service.client.get("/healthz").status_code == 200
        # That which has been idle longest was closed.
        assert idle[0].recv(1) == b""


def test_connections_beyond_those_at_work_are_refused() -> None:
    with running_service(Limits(timeout_s=20)) as service, contextlib.ExitStack() as stack:
        service.stub.free.clear()
        stack.enter_context(connected(service)).sendall(post(b'{"text": "Ada"}'))
        assert service.stub.begun.wait(5)
        for _ in range(63):
            stack.enter_context(connected(service)).sendall(post(b'{"text": "Ada"}'))
        wait_until(lambda: service.worker.num_waiting == 63)
        refused = stack.enter_context(connected(service))
        refused.sendall(post(b'{"text": "Bob"}'))
        answer = received(refused)
        assert (statuses(answer), b"64 connections are at work" in answer) == ([503], True)
        # However many come, the server keeps no more than some of them.
        more = [stack.enter_context(connected(service)) for _ in range(150)]
        for connection in more[-60:]:
            assert statuses(connection.recv(1 << 16)) == [503]
        assert len(service.server.server_state.connections) <= 128
        wait_until(lambda: len(service.server.server_state.connections) <= 64)
        service.stub.free.set()
        wait_until(lambda: service.client.get("/healthz").status_code == 200)
