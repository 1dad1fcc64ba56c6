"""The access log: a line for each request, never its text unless asked for, and no request waits for it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from stub_service import StubTagger, running_service, wait_until

from ner_dist.errors import UserError
from ner_dist.serving.access_log import AccessLog
from ner_dist.serving.facts import Facts

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "Ada has a secret"


def lines_of(file: Path, number: int) -> list[dict[str, Any]]:
    """The lines, once there are so many."""
    wait_until(lambda: file.exists() and file.read_text().count("\n") >= number)
    return [json.loads(line) for line in file.read_text().splitlines()]


def logging_to(place: Path, with_texts: bool = False) -> Any:
    return lambda metrics: AccessLog(str(place), with_texts, metrics.lost_lines.inc)


def test_a_line_says_what_was_asked_and_answered_but_not_the_text(tmp_path: Path) -> None:
    with running_service(log=logging_to(tmp_path / "log"), load_large=StubTagger) as service:
        answers = [service.tag(text=SECRET), service.tag(texts=[SECRET] * 60), service.tag(text=7)]
        batch = service.client.post("/batch", content=b'"Ada"\n7', headers={"Content-Type": "application/jsonl"})
        service.client.get("/made-up")
        lines = lines_of(tmp_path / "log", 5)
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/tag", 200),
        ("POST", "/tag", 200),
        ("POST", "/tag", 422),
        ("POST", "/batch", 200),
        ("GET", "/made-up", 404),
    ]
    counts = [(line["texts"], line["tokens"], line["entities"]) for line in lines]
    assert counts == [(1, 4, 1), (60, 240, 60), (0, 0, 0), (1, 1, 1), (0, 0, 0)]
    assert [line["model"] for line in lines] == ["stub@1"] * 4 + [None]
    for line, answer in zip(lines, (*answers, batch)):
        assert line["id"] == answer.headers["x-request-id"]
        assert line["bytes_out"] == len(answer.content)
        assert 0 < line["ms"] < 20_000
    assert lines[0]["bytes_in"] == len(json.dumps({"text": SECRET}, separators=(",", ":")))
    assert time.time() - time.mktime(time.strptime(lines[0]["time"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone < 60
    assert "secret" not in (tmp_path / "log").read_text()


def test_texts_are_there_if_they_are_asked_for(tmp_path: Path) -> None:
    with running_service(log=logging_to(tmp_path / "log", with_texts=True)) as service:
        service.tag(text=SECRET + "\u2028")
        (line,) = lines_of(tmp_path / "log", 1)
    assert json.loads(line["request"]) == {"text": SECRET + "\u2028"}


def test_ids_and_traces_are_passed_on(tmp_path: Path) -> None:
    with running_service(log=logging_to(tmp_path / "log")) as service:
        given = {"X-Request-Id": "mine-1", "traceparent": TRACE, "tracestate": "a=b"}
        answer = service.client.post("/tag", json={"text": "Ada"}, headers=given)
        assert {name: answer.headers[name] for name in given} == given
        # Without an id of its own, a request is called by its trace.
        assert service.client.get("/models", headers={"traceparent": TRACE}).headers["x-request-id"] == TRACE[3:35]
        for odd in ("two words", "é".encode("latin-1"), "x" * 129, ""):
            answer = service.client.get("/models", headers={"X-Request-Id": odd, "traceparent": "00-1-2-3"})
            assert len(answer.headers["x-request-id"]) == 16
            assert "traceparent" not in answer.headers
        first = lines_of(tmp_path / "log", 6)[0]
    assert (first["id"], first["traceparent"], first["tracestate"]) == ("mine-1", TRACE, "a=b")


def test_probes_are_logged_only_if_they_fail(tmp_path: Path) -> None:
    with running_service(log=logging_to(tmp_path / "log")) as service:
        for path in ("/livez", "/readyz", "/healthz", "/metrics"):
            service.client.get(path)
        service.models.is_draining = True
        answer = service.client.get("/readyz")
        assert answer.headers["connection"] == "close"
        lines = lines_of(tmp_path / "log", 1)
    assert [(line["path"], line["status"]) for line in lines] == [("/readyz", 503)]


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    with running_service(log=logging_to(tmp_path / "log")) as service:
        service.client.get("/models")
        lines_of(tmp_path / "log", 1)
        os.replace(tmp_path / "log", tmp_path / "log.1")
        service.client.get("/openapi.json")
        assert lines_of(tmp_path / "log", 1)[0]["path"] == "/openapi.json"
    assert len(lines_of(tmp_path / "log.1", 1)) == 1


def test_a_reader_that_does_not_read_keeps_no_request_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setattr("ner_dist.serving.access_log._MOST_WAITING", 2)
    lost: list[int] = []
    log = AccessLog(str(tmp_path / "pipe"), False, lost.append)

    async def write() -> None:
        for _ in range(10):
            for _ in range(1000):
                log.add(Facts([]), "GET", "/", 200, 0, 0.0)
            log._flush()

    asyncio.run(write())
    began_s = time.monotonic()
    monkeypatch.setattr("ner_dist.serving.access_log._LAST_WAIT_S", 0.1)
    log.close()
    assert sum(lost) >= 5000
    assert time.monotonic() - began_s < 5
    os.close(reader)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--access-log .*/none/log: cannot be written \(No such file or directory\)"):
        AccessLog(str(tmp_path / "none" / "log"), False, lambda _: None)


def test_switched_off_it_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with running_service() as service:
        service.tag(text="Ada")
    assert capfd.readouterr().out == ""
