"""Large requests are answered by a second process: as the first would, without keeping it, and whatever befalls it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stub_service import RunningService, SlowStub, StubTagger, running_service, wait_until

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document
from ner_dist.serving import large_requests
from ner_dist.serving.large_requests import LargeRequests
from ner_dist.serving.settings import BatchSettings, Limits

LARGE = "Ada met Bob in Paris. " * 30


class Fragile(SlowStub):
    """Ends its process at a text that begins with "die", and stops it at one that begins with "stick"."""

    def document(self, text: str) -> Document:
        if text.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if text.startswith("stick"):
            # As if a call outside Python never returned: no other thread of the process runs.
            signal.raise_signal(signal.SIGSTOP)
        return super().document(text)


def load_nothing() -> StubTagger:
    raise UserError("there is no model")


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    limits = Limits(timeout_s=5, max_texts=200)
    with running_service(limits, BatchSettings(max_batch=2), load_large=Fragile) as found:
        yield found


def recovered(service: RunningService) -> bool:
    return service.tag(text=LARGE).status_code == 200


def test_large_requests_are_answered_like_small_ones(service: RunningService) -> None:
    wait_until(lambda: recovered(service))
    large, small = (service.tag(texts=["to Ada"] * number).json()["results"] for number in (100, 1))
    assert large == small * 100
    assert service.stub.texts == ["to Ada"]
    assert service.tag(text=LARGE).json()["entities"][-1]["text"] == "Paris."


def test_their_mistakes_are_refused_with_the_same_sentences(service: RunningService) -> None:
    wait_until(lambda: recovered(service))
    for body, status, sentence in (
        (b'{"text": 7}' + b" " * 600, 422, "text is a number; expected a string"),
        (b'{"texts": ["' + b"Ada " * 3000 + b'"]}', 413, "texts[0] has 12000 characters"),
        (b'{"text": "refuse me"}' + b" " * 600, 422, "this text cannot be tagged"),
        (b'{"text": "break me"}' + b" " * 600, 500, "the server failed at this"),
        (b'"\xff' + b" " * 600, 400, "not UTF-8"),
    ):
        answer = service.post(body)
        assert (answer.status_code, sentence in answer.json()["error"]) == (status, True), answer.text


def test_they_are_counted(service: RunningService) -> None:
    wait_until(lambda: recovered(service))
    before = service.metric("ner_tokens_total")
    service.tag(texts=["to Ada", "x " * 600])
    assert service.metric("ner_tokens_total") - before == 602
    assert service.metric("ner_large_requests") == 0
    wait_until(lambda: service.metric("ner_large_cpu_seconds") > 0)


def test_small_requests_do_not_wait_for_large_ones(service: RunningService) -> None:
    wait_until(lambda: recovered(service))
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(service.tag, texts=["0.5", LARGE])
        wait_until(lambda: service.metric("ner_large_requests") == 1)
        assert service.tag(text="to Ada").status_code == 200
        assert not large.done()
        assert large.result().status_code == 200


def test_an_abandoned_request_is_dropped_there(service: RunningService) -> None:
    wait_until(lambda: recovered(service))
    began_s = time.monotonic()
    with pytest.raises(Exception, match="timed out"):
        service.client.post("/tag", json={"texts": ["0.3", "0.3", *["60"] * 100, LARGE]}, timeout=0.1)
    wait_until(lambda: service.metric("ner_large_requests") == 0)
    # Only its first batch is in the way of the next.
    assert recovered(service)
    assert time.monotonic() - began_s < 5


def test_a_process_that_ends_is_started_again(service: RunningService) -> None:
    wait_until(lambda: recovered(service))
    answer = service.tag(text="die " * 200)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "has ended and is being started again" in answer.json()["error"]
    assert service.tag(text="to Ada").status_code == 200
    health = service.client.get("/healthz")
    assert (health.status_code, "large requests are refused" in health.json()["status"]) == (200, True)
    wait_until(lambda: recovered(service))
    assert service.client.get("/healthz").json()["status"] == "ok"


@pytest.mark.faults
def test_a_process_that_hangs_is_ended(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until(lambda: recovered(service))
    monkeypatch.setattr(large_requests, "_MOST_SILENT", 1)
    answer = service.tag(text="stick " * 200)
    assert (answer.status_code, "has ended" in answer.json()["error"]) == (503, True)
    wait_until(lambda: recovered(service))


@pytest.mark.faults
def test_a_tagger_that_cannot_be_loaded_there_is_reported() -> None:
    large = LargeRequests(load_nothing, BatchSettings(), Limits(), lambda _: None)
    large.start()
    with pytest.raises(UserError, match=r"cannot start: there is no model \(--processes 1 does without it\)"):
        asyncio.run(large.until_ready(""))
    large.close()
