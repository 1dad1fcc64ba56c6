"""Requests that are too large, broken or hostile: each is refused with one sentence, and the next is served."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stub_service import RunningService, running_service, wait_until

from ner_dist.serving.request import Refused, read_request
from ner_dist.serving.settings import Limits

LIMITS = Limits(max_body=2000, max_texts=3, max_characters=20, max_tokens=4, timeout_s=0.4)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(LIMITS) as found:
        yield found


BROKEN: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "the body is empty; expected an object"),
    "white space": (b" \n", 400, "the body is empty"),
    "no JSON": (b"Angela Merkel", 400, "not JSON: expecting value, line 1, column 1"),
    "half of JSON": (b'{"text": "Ada', 400, "not JSON: unterminated string"),
    "two objects": (b'{"text": "Ada"}{}', 400, "not JSON: extra data"),
    "a control character": (b'{"text": "A\x01"}', 400, "not JSON: invalid control character"),
    "a byte order mark": (b'\xef\xbb\xbf{"text": "Ada"}', 400, "not JSON"),
    "no UTF-8": (b'{"text": "\xff"}', 400, "not UTF-8 at byte 10"),
    "a surrogate in UTF-8": (b'{"text": "\xed\xa0\x80"}', 400, "not UTF-8 at byte 10"),
    "UTF-16": ('{"text": "Ada"}'.encode("utf-16"), 400, "not UTF-8"),
    "NaN": (b'{"text": NaN}', 400, "NaN is not a number"),
    "Infinity": (b'{"text": -Infinity}', 400, "-Infinity is not a number"),
    "deep nesting": (b'{"text":' + b"[" * 1900, 400, "nested too deeply"),
    "deep objects": (b'{"text":' * 240, 400, "not JSON"),
    "a huge number": (b'{"text": ' + b"9" * 1900 + b"}", 422, "text is a number; expected a string"),
    "a huge exponent": (b'{"text": 1e999999}', 422, "text is a number"),
    "a list": (b'["Ada"]', 422, "the body is a list"),
    "a string": (b'"Ada"', 422, "the body is a string"),
    "null": (b"null", 422, "the body is null"),
    "no field": (b"{}", 422, "the request has nothing to tag"),
    "two fields": (b'{"text": "", "texts": []}', 422, "the request has text and texts"),
    "a field twice": (b'{"text": "a", "text": "b"}', 400, "given twice"),
    "an unknown field": (b'{"text": "", "lang": "en"}', 422, 'unknown field "lang"'),
    "a field that is no text": (b'{"\\ud800": ""}', 422, 'unknown field "\\ud800"'),
    "null as text": (b'{"text": null}', 422, "text is null"),
    "true as text": (b'{"text": true}', 422, "text is true or false"),
    "an object as text": (b'{"text": {}}', 422, "text is an object"),
    "a string as texts": (b'{"texts": "Ada"}', 422, "texts is a string; expected a list"),
    "a number among texts": (b'{"texts": ["a", 7]}', 422, "texts[1] is a number"),
    "a NUL": (b'{"text": "a\\u0000"}', 422, "text has a NUL (U+0000) at character 1"),
    "half a pair": (b'{"texts": ["", "\\ud83d"]}', 422, "texts[1] has a lone surrogate (U+D83D) at character 0"),
    "the other half": (b'{"text": "\\ude00\\ud83d"}', 422, "a lone surrogate (U+DE00)"),
    "a string as tokens": (b'{"tokens": "Ada"}', 422, "tokens is a string; expected a list"),
    "a string as a sentence": (b'{"tokens": ["Ada"]}', 422, "tokens[0] is a string; expected a list"),
    "a number as a token": (b'{"tokens": [["a", 1]]}', 422, "tokens[0][1] is a number"),
    "an empty token": (b'{"tokens": [["a", ""]]}', 422, "tokens[0][1] is empty; leave empty tokens out"),
    "a NUL in a token": (b'{"tokens": [["\\u0000"]]}', 422, "tokens[0][0] has a NUL"),
    "pos of a text": (b'{"text": "a", "pos": [["X"]]}', 422, '"pos" belongs to "tokens"'),
    "pos alone": (b'{"pos": [["X"]]}', 422, "the request has nothing to tag"),
    "pos of too few": (b'{"tokens": [["a", "b"]], "pos": [["X"]]}', 422, "tokens[0] has 2 tokens and pos[0] 1"),
    "pos of other sentences": (b'{"tokens": [["a"]], "pos": []}', 422, '"tokens" has 1 sentences and "pos" 0'),
    "numbers as pos": (b'{"tokens": [["a"]], "pos": [[1]]}', 422, "pos[0][0] is a number"),
    "a long text": (b'{"text": "123456789 123456789 1"}', 413, "text has 21 characters; this server takes at most 20"),
    "many texts": (b'{"texts": ["", "", "", ""]}', 413, "texts has 4 texts; this server takes at most 3"),
    "many sentences": (b'{"tokens": [[], [], [], []]}', 413, "tokens has 4 sentences"),
    "many tokens": (b'{"tokens": [["a", "a", "a", "a", "a"]]}', 413, "tokens[0] has 5 tokens"),
    "long tokens": (b'{"tokens": [["1234567890", "1234567890"]]}', 413, "tokens[0] has 21 characters"),
    "a large body": (b" " * 2001, 413, "the body is larger than the 2000 bytes"),
}


@pytest.mark.parametrize(("body", "status", "sentence"), BROKEN.values(), ids=list(BROKEN))
def test_each_mistake_is_refused_with_a_sentence(
    service: RunningService, body: bytes, status: int, sentence: str
) -> None:
    answer = service.post(body)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert sentence in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert service.tag(text="to Ada").json()["entities"][0]["text"] == "Ada"


def test_a_request_at_the_limits_is_served(service: RunningService) -> None:
    assert service.tag(texts=["é" * 20, "😀" * 20, ""]).status_code == 200
    assert service.tag(tokens=[["a", "b", "c", "d"], ["1234567890", "123456789"]]).status_code == 200
    assert service.post(b'{"text": ""}'.ljust(2000)).status_code == 200


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["text", "texts", "tokens", "pos"]) | st.text(), inner)
    ),
)


@given(st.binary() | _ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refused):
        read_request(body, LIMITS)


def test_a_model_that_needs_features_refuses_text() -> None:
    with pytest.raises(Refused, match='trained with the token feature pos; expected "tokens" with "pos"'):
        read_request(b'{"text": "Ada"}', LIMITS, ["pos"])
    assert read_request(b'{"tokens": [["a"]], "pos": [["X"]]}', LIMITS, ["pos"])[0] == "tokens"
    with pytest.raises(Refused, match='token features pos, dep-type; expected "tokens" with "pos" and "dep-type"'):
        read_request(b'{"tokens": [["a"]], "pos": [["X"]]}', LIMITS, ["pos", "dep-type"])


def test_features_of_any_name_come_with_tokens() -> None:
    body = b'{"tokens": [["a", "b"], []], "dep-type": [["x", "y"], []], "pos": null}'
    documents = read_request(body, LIMITS, ["dep-type"]).texts
    found = [document.sentences[0].features for document in documents if not isinstance(document, str)]
    assert found == [{"dep-type": ["x", "y"]}, {"dep-type": []}]
    with pytest.raises(Refused, match=r"tokens\[0\] has 2 tokens and dep-type\[0\] 1; expected the same number"):
        read_request(body.replace(b', "y"', b""), LIMITS, ["dep-type"])
    with pytest.raises(Refused, match=r"dep-type\[0\]\[1\] is a number"):
        read_request(body.replace(b'"y"', b"7"), LIMITS, ["dep-type"])
    with pytest.raises(Refused, match='unknown field "dep-type"'):
        read_request(body, LIMITS)


def exchange(service: RunningService, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send parts of a request as they are, and return all that arrives until the connection ends."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        for part in parts:
            with contextlib.suppress(OSError):
                connection.sendall(part)
            time.sleep(pause_s)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(1 << 16):
                received += chunk
    return received


HEAD = b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def test_a_body_without_a_length_is_read_no_further_than_the_limit(service: RunningService) -> None:
    small = exchange(
        service,
        CHUNKED.replace(b"Host", b"Connection: close\r\nHost"),
        chunk(b'{"text":'),
        chunk(b'"Ada"}'),
        chunk(b""),
    )
    assert small.startswith(b"HTTP/1.1 200 ")
    assert exchange(service, CHUNKED, chunk(b" " * 1500), chunk(b" " * 1500), chunk(b"")).startswith(b"HTTP/1.1 413 ")
    # The body never ends, and the connection does.
    assert exchange(service, CHUNKED, *[chunk(b" " * (1 << 20))] * 6).startswith(b"HTTP/1.1 413 ")


def test_a_declared_length_is_not_believed(service: RunningService) -> None:
    huge = HEAD + b"Content-Length: 999999999999\r\n\r\n"
    assert exchange(service, huge).startswith(b"HTTP/1.1 413 ")
    # What is sent beyond the length is not a request.
    short = exchange(service, HEAD + b'Content-Length: 15\r\n\r\n{"text": "Ada"} and more\r\n\r\n')
    assert short.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in short
    for wrong in (b"-1", b"7, 8", b"1e3", b"9" * 500):
        status = exchange(service, HEAD + b"Content-Length: " + wrong + b"\r\n\r\n")[9:12]
        assert status in (b"400", b"413"), wrong


def test_a_client_that_asks_first_is_told_before_it_sends(service: RunningService) -> None:
    answer = exchange(service, HEAD + b"Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_compressed_body_is_refused(service: RunningService) -> None:
    answer = service.post(b"{}", **{"Content-Encoding": "gzip"})
    assert (answer.status_code, "compressed" in answer.json()["error"]) == (415, True)


def test_a_body_that_does_not_come_is_given_up(service: RunningService) -> None:
    answer = exchange(service, HEAD + b"Content-Length: 100\r\n\r\n", b'{"te', b"xt", pause_s=0.2)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"longer than 0.4 seconds" in answer


def test_a_head_that_does_not_come_is_given_up(service: RunningService) -> None:
    for parts in ([], [HEAD], [b"POST", b" /tag"]):
        assert exchange(service, *parts, pause_s=0.1) == b""
    # Also that of the second request of a connection.
    body = b'Content-Length: 15\r\n\r\n{"text": "Ada"}'
    assert exchange(service, HEAD + body, b"GET / HT", pause_s=0.1).startswith(b"HTTP/1.1 200 ")


def test_what_is_no_http_is_refused(service: RunningService) -> None:
    for wrong in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"A" * 100_000):
        assert exchange(service, wrong).startswith(b"HTTP/1.1 400 "), wrong[:20]
    assert exchange(service, CHUNKED, b"zz\r\n").startswith(b"HTTP/1.1 400 ")


def test_clients_that_vanish_disturb_no_other(service: RunningService) -> None:
    waiting = []
    for begin in (b"", HEAD, CHUNKED + chunk(b"{"), HEAD + b'Content-Length: 15\r\n\r\n{"text": "Ada"}') * 5:
        connection = socket.create_connection(("127.0.0.1", service.port), timeout=20)
        # Closing it sends a reset, as when a process with unread data is killed.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(begin)
        waiting.append(connection)
    assert service.tag(text="Ada").status_code == 200
    for connection in waiting:
        connection.close()
    assert service.tag(text="Ada").status_code == 200
    wait_until(lambda: service.metric("ner_queue_texts") == 0)
