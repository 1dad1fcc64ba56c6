"""The service as a command: it starts or says why not, ends in order, and tags as its model does."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from processes import ROOT, Finished, Job, alone, run
from stub_service import post

from ner_dist.prediction import Tagger
from ner_dist.serve import main

_READY = re.compile(r"serving .* on (http://\S+) \(Ctrl-C ends it\)")


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[tuple[Job, httpx.Client]]:
    with Job(command, ROOT, PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}", PYTHONUNBUFFERED="1") as job:
        job.wait_until(lambda: _READY.search(job._text(job._out)) is not None)
        found = _READY.search(job._text(job._out))
        assert found is not None
        with httpx.Client(base_url=found.group(1), timeout=20) as client:
            yield job, client


def slow(grace_s: float) -> list[str]:
    return [sys.executable, "-c", f"from stub_service import serve_slow; serve_slow({grace_s})"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_when_it_has_answered(number: int) -> None:
    with started(slow(10.0)) as (job, client), ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(client.post, "/tag", json={"text": text}) for text in ("0.7", "0.1", "Ada")]
        idle = socket.create_connection((client.base_url.host, client.base_url.port or 0))
        time.sleep(0.3)
        job.signal(number)
        time.sleep(0.2)
        # It accepts no more requests, while it is still working.
        with pytest.raises(httpx.ConnectError):
            httpx.post(f"{client.base_url}/tag", json={"text": "late"})
        assert [future.result().status_code for future in under_way] == [200, 200, 200]
        finished = job.wait()
        idle.close()
    assert (finished.code, finished.err) == (0, "")


def test_requests_that_do_not_finish_within_the_grace_are_refused() -> None:
    with started(slow(1.0)) as (job, client), ThreadPoolExecutor(4) as pool:
        under_way = pool.submit(client.post, "/tag", json={"text": "8"})
        time.sleep(0.3)
        waiting = pool.submit(client.post, "/tag", json={"text": "Ada"})
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as half:
            half.sendall(post(b'{"text": "Ada"}')[:-10])
            time.sleep(0.2)
            began_s = time.monotonic()
            job.signal(signal.SIGTERM)
            for future in (under_way, waiting):
                assert future.result().status_code == 503
                assert "the server is stopping" in future.result().json()["error"]
            assert half.recv(1 << 16).startswith(b"HTTP/1.1 503 ")
        finished = job.wait()
        # Not the 8 seconds of the text.
        assert time.monotonic() - began_s < 6
    assert finished.code == 0
    assert "Traceback" not in finished.err


def test_it_survives_clients_that_are_killed() -> None:
    client_code = (
        "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]));"
        "c.request('POST', '/tag', body='{\"text\": \"1\"}'); c.getresponse()"
    )
    with started(slow(5.0)) as (job, client):
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(Job([sys.executable, "-c", client_code, str(client.base_url.port)], ROOT))
                for _ in range(3)
            ]
            time.sleep(0.5)
            for killed in clients:
                killed._kill()
        assert client.post("/tag", json={"text": "Ada"}).json()["entities"][0]["text"] == "Ada"
        job.signal(signal.SIGTERM)
        assert (job.wait().code, job._text(job._err)) == (0, "")


def refusal(*arguments: object, **variables: str) -> str:
    """The one line that the command prints if it does not start."""
    finished: Finished = run(alone("ner_dist.serve", *arguments), ROOT, **variables)
    assert finished.code not in (0, None), finished.out
    assert finished.out == ""
    assert finished.err.startswith("error: "), finished.err
    assert finished.err.count("\n") == 1, finished.err
    return finished.err


def test_what_is_missing_is_named_in_a_sentence(tmp_path: Path) -> None:
    assert "nowhere is not a directory; expected what" in refusal(tmp_path / "nowhere", "--port", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use; choose another with --port" in refusal(tmp_path, "--port", port)
    assert "192.0.2.1 is not an address of this machine" in refusal(tmp_path, "--host", "192.0.2.1")


def test_help_loads_no_server_and_names_every_limit(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise ModuleNotFoundError('no', name='fastapi')")
    finished = run(alone("ner_dist.serve", "--help"), ROOT, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert finished.code == 0
    for knob in ("body", "texts", "characters", "tokens", "queue", "batch", "wait", "connections"):
        assert f"--max-{knob} " in finished.out


@pytest.mark.parametrize(
    ("knob", "value"), [("--port", "65536"), ("--max-texts", "0"), ("--grace", "-1"), ("--timeout", "x")]
)
def test_a_value_out_of_range_is_refused(knob: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([".", knob, value])
    assert (ended.value.code, f"argument {knob}: " in capsys.readouterr().err) == (2, True)


def test_a_real_model_answers_as_it_does_without_the_service(text_run: Path, synth_corpus: dict[str, Path]) -> None:
    blocks = synth_corpus["test"].read_text(encoding="utf-8").split("\n\n")[:20]
    tokens = [[line.split()[0] for line in block.splitlines()] for block in blocks]
    texts = [" ".join(sentence) for sentence in tokens]
    tagger = Tagger.load(text_run)
    with started(alone("ner_dist.serve", text_run, "--port", 0)) as (job, client):
        results = client.post("/tag", json={"texts": texts}).json()["results"]
        of_tokens = client.post("/tag", json={"tokens": tokens}).json()["results"]
        answers: list[Any] = [None] * len(texts)
        threads = [
            threading.Thread(
                target=lambda place: answers.__setitem__(
                    place, client.post("/tag", json={"text": texts[place]}).json()
                ),
                args=(place,),
            )
            for place in range(len(texts))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        job.signal(signal.SIGTERM)
        assert (job.wait().code, job._text(job._err)) == (0, "")
    assert sum(len(result["entities"]) for result in results) > 10
    assert answers == results
    for text, result, expected in zip(texts, results, tagger.tag(texts)):
        assert [(e["start"], e["end"], e["type"]) for e in result["entities"]] == [e[:3] for e in expected]
        assert [e["confidence"] for e in result["entities"]] == pytest.approx(
            [e.confidence for e in expected], abs=1e-4
        )
        assert all(text[e["start"] : e["end"]] == e["text"] for e in result["entities"])
    for result, expected in zip(of_tokens, tagger.tag_tokens(tokens)):
        assert [(e["first_token"], e["end_token"], e["type"]) for e in result["entities"]] == [
            (e.first_token, e.end_token, e.type) for e in expected
        ]
