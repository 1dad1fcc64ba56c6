"""The service as a command: it starts or says why not, ends in order, and tags as its model does."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from processes import ROOT, Finished, Job, alone, run
from stub_service import post

from ner_dist.foreign.json_files import seal
from ner_dist.prediction import Tagger, mxnet_network
from ner_dist.prediction.example_sentences import NUM_EXAMPLES
from ner_dist.serve import main

_OLD = ROOT / "tests" / "version_3"
_READY = re.compile(r"serving .* on (http://\S+) \(Ctrl-C ends it\)")


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[tuple[Job, httpx.Client]]:
    with Job(command, ROOT, PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}", PYTHONUNBUFFERED="1") as job:
        job.wait_until(lambda: _READY.search(job._text(job._out)) is not None)
        found = _READY.search(job._text(job._out))
        assert found is not None
        with httpx.Client(base_url=found.group(1), timeout=20) as client:
            yield job, client


def slow(grace_s: float, others: str = "") -> list[str]:
    return [sys.executable, "-c", f"from stub_service import serve_slow; serve_slow({grace_s}, {others})"]


def called(place: Path, name: str) -> Path:
    """An export of this name, at a place."""
    shutil.copytree(_OLD / "export", place)
    record = json.loads((place / "tagger.json").read_text())
    origin = {**record["origin"], "name": name, "version": "1", "examples": ["Maria Silva went."]}
    (place / "tagger.json").write_text(seal({**record, "version": 4, "origin": origin}))
    return place


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


def test_it_goes_on_for_a_while_when_it_is_to_be_drained() -> None:
    with started(slow(5.0, "drain_s=1.5")) as (job, client):
        assert client.get("/readyz").status_code == 200
        job.signal(signal.SIGTERM)
        while (ready := client.get("/readyz")).status_code == 200:
            time.sleep(0.01)
        assert (ready.status_code, ready.json()["status"]) == (503, "draining: the server is stopping")
        # Those who have not noticed yet are answered, and told to connect to another one.
        answer = client.post("/tag", json={"text": "Ada"})
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert client.get("/livez").status_code == 200
        finished = job.wait()
    assert (finished.code, finished.err) == (0, "")


def test_while_it_loads_it_lives_but_is_not_ready() -> None:
    code = (
        "import time; from stub_service import *; load = lambda: (print('loading', flush=True), time.sleep(60));"
        "server = ServerSettings('127.0.0.1', int(sys.argv[1]), processes=1);"
        "run([stub_source(load)], server, BatchSettings(), Limits())"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", f"import sys; {code}", str(port)]
    with Job(command, ROOT, PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}") as job:
        job.wait_until(lambda: "loading" in job._text(job._out))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=5)) as client:
            for path, status in (("/livez", 200), ("/readyz", 503), ("/healthz", 503), ("/metrics", 200)):
                assert client.get(path).status_code == status
            answer = client.post("/tag", json={"text": "Ada"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert "the model is being loaded" in answer.json()["error"]
        job.signal(signal.SIGTERM)
        finished = job.wait()
    assert (finished.code, finished.err) == (0, "")


def test_a_hangup_lets_the_model_answer_that_a_link_points_at_now(tmp_path: Path) -> None:
    for name in ("old", "new"):
        called(tmp_path / name, name)
    (tmp_path / "current").symlink_to("old")
    (tmp_path / "token").write_text("a-token-of-this-test")
    options = ("--token-file", tmp_path / "token", "--access-log", tmp_path / "log", "--threshold", "0.5")
    options += ("--no-examples",)
    with started(alone("ner_dist.serve", tmp_path / "current", "--port", 0, *options)) as (job, client):
        assert client.post("/tag", json={"text": "Ada"}).status_code == 401
        client.headers["Authorization"] = "Bearer a-token-of-this-test"
        assert client.post("/tag", json={"text": "Maria Silva went."}).headers["x-model"] == "old@1"
        (tmp_path / "link").symlink_to("new")
        (tmp_path / "link").replace(tmp_path / "current")
        # Not by way of timeout, which would end the service five seconds later.
        (service,) = psutil.Process(job._main.pid).children()
        service.send_signal(signal.SIGHUP)
        job.wait_until(lambda: "current: new@1 answers now" in job._text(job._err))
        for text in ("Maria Silva went.", "Maria Silva went. " * 40):
            answer = client.post("/tag", json={"text": text})
            assert (answer.headers["x-model"], answer.json()["entities"][0]["text"]) == ("new@1", "Maria Silva")
        assert client.get("/models").json()[0]["examples"] == []
        job.signal(signal.SIGTERM)
        assert job.wait().code == 0
    assert [json.loads(line)["status"] for line in (tmp_path / "log").read_text().splitlines()] == [401, *[200] * 4]


def test_it_ends_with_its_terminal() -> None:
    master, slave = pty.openpty()
    code = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    command = [sys.executable, "-c", code + "from stub_service import serve_slow; serve_slow(5.0)"]
    variables = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdin=slave, stdout=subprocess.PIPE, start_new_session=True
    ) as service:
        os.close(slave)
        assert service.stdout is not None
        assert service.stdout.readline().startswith(b"serving ")
        os.close(master)
        assert service.wait(20) == 0


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
        (described,) = client.get("/models").json()
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
    # Sentences of dev, as the run is beside its shards.
    assert described["examples"] == tagger.examples
    assert len(tagger.examples) == NUM_EXAMPLES
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


def test_no_example_is_looked_for_in_a_store(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mxnet_network, "example_sentences", lambda saved: ["An example."])
    for shards, expected in (("data/mine", ["An example."]), ("s3://bucket/mine", [])):
        network = mxnet_network.CheckpointNetwork(tiny_run / "checkpoints" / "best", "cpu")
        network.checkpoint.config.data.shards = shards
        assert network.examples == expected
