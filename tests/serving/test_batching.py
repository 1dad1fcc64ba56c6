"""Waiting texts are tagged together, in turn, and nothing that goes wrong with one request affects another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stub_service import RunningService, StubTagger, post, running_service, wait_until

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document
from ner_dist.serving.batching import TaggingWorker
from ner_dist.serving.request import Refused
from ner_dist.serving.settings import BatchSettings, Limits


@contextlib.contextmanager
def batching(
    batches: BatchSettings | None = None, limits: Limits | None = None
) -> Iterator[tuple[StubTagger, TaggingWorker]]:
    stub = StubTagger()
    worker = TaggingWorker(lambda: stub, batches or BatchSettings(), limits or Limits(), lambda _: None)
    worker.start()
    try:
        yield stub, worker
    finally:
        stub.free.set()
        worker.close()
        assert worker.join(5)


async def behind_a_batch(
    stub: StubTagger, worker: TaggingWorker, *requests: list[str]
) -> list[asyncio.Task[list[Document]]]:
    """Requests that arrive while the stub is working on "first"."""
    stub.free.clear()
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(worker.tag(["first"]))]
    await loop.run_in_executor(None, stub.begun.wait, 5)
    for request in requests:
        tasks.append(loop.create_task(worker.tag(list(request))))
        # So that they arrive in this order.
        await asyncio.sleep(0)
    return tasks


def run(action: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        await action()

    asyncio.run(within())


def test_texts_that_arrive_while_the_model_works_are_tagged_together() -> None:
    with batching() as (stub, worker):

        async def action() -> None:
            tasks = await behind_a_batch(stub, worker, ["a"], ["b"], ["c"])
            assert worker.num_waiting == 3
            stub.free.set()
            found = await asyncio.gather(*tasks)
            assert [[document.text for document in documents] for documents in found] == [
                ["first"],
                ["a"],
                ["b"],
                ["c"],
            ]

        run(action)
        assert stub.batches == [["first"], ["a", "b", "c"]]
        assert worker.num_waiting == 0


def test_a_long_request_lets_short_ones_pass() -> None:
    with batching(BatchSettings(max_batch=3)) as (stub, worker):

        async def action() -> None:
            tasks = await behind_a_batch(stub, worker, ["l1", "l2", "l3", "l4", "l5"], ["a"], ["b"])
            stub.free.set()
            found = await asyncio.gather(*tasks)
            assert [document.text for document in found[1]] == ["l1", "l2", "l3", "l4", "l5"]

        run(action)
        assert stub.batches == [["first"], ["l1", "a", "b"], ["l2", "l3", "l4"], ["l5"]]


def test_a_batch_has_no_more_characters_than_allowed_unless_one_text_has() -> None:
    with batching(limits=Limits(max_characters=10)) as (stub, worker):

        async def action() -> None:
            tasks = await behind_a_batch(stub, worker, ["12345"], ["12345"], ["1"], ["123456789 12345"], ["2"])
            stub.free.set()
            await asyncio.gather(*tasks)

        run(action)
        assert stub.batches == [["first"], ["12345", "12345"], ["1"], ["123456789 12345"], ["2"]]


def test_a_batch_may_wait_for_others() -> None:
    with batching(BatchSettings(max_batch=2, max_wait_ms=10_000.0)) as (stub, worker):

        async def action() -> None:
            # The second fills the batch, so that nobody waits ten seconds.
            await asyncio.gather(worker.tag(["a"]), worker.tag(["b"]))

        run(action)
        assert stub.batches == [["a", "b"]]


def test_a_full_queue_refuses_and_keeps_what_waits() -> None:
    with batching(limits=Limits(max_queue=3)) as (stub, worker):

        async def action() -> None:
            tasks = await behind_a_batch(stub, worker, ["a", "b"])
            with pytest.raises(Refused, match="2 texts are waiting already") as refused:
                await worker.tag(["c", "d"])
            assert refused.value.status == 503
            tasks.append(asyncio.get_running_loop().create_task(worker.tag(["e"])))
            await asyncio.sleep(0)
            stub.free.set()
            await asyncio.gather(*tasks)
            # A request may be larger than the queue if nothing else waits.
            assert len(await worker.tag(["f"] * 5)) == 5

        run(action)


def test_what_cannot_be_tagged_fails_alone() -> None:
    with batching() as (stub, worker):

        async def action() -> None:
            tasks = await behind_a_batch(stub, worker, ["Ada"], ["refuse me"], ["x", "break me", "y"], ["Bob"])
            stub.free.set()
            first, ada, refused, broken, bob = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(first, list)
            assert isinstance(ada, list)
            assert isinstance(bob, list)
            assert (ada[0].entities[0].text, bob[0].entities[0].text) == ("Ada", "Bob")
            assert isinstance(refused, Refused)
            assert (refused.status, str(refused)) == (422, "this text cannot be tagged")
            assert isinstance(broken, Refused)
            assert (broken.status, "ZeroDivision" in str(broken)) == (500, False)

        run(action)
        assert worker.alive


def test_a_cancelled_request_takes_its_texts_out_of_the_queue() -> None:
    with batching(BatchSettings(max_batch=1)) as (stub, worker):

        async def action() -> None:
            first, gone, stays = await behind_a_batch(stub, worker, ["gone", "gone too"], ["stays"])
            gone.cancel()
            await asyncio.sleep(0.01)
            assert worker.num_waiting == 1
            stub.free.set()
            await asyncio.gather(first, stays)

        run(action)
        assert stub.texts == ["first", "stays"]


def test_closing_refuses_what_waits_and_finishes_what_is_in_flight() -> None:
    with batching() as (stub, worker):

        async def action() -> None:
            first, waits = await behind_a_batch(stub, worker, ["waits"])
            worker.close()
            with pytest.raises(Refused, match="stopping"):
                await waits
            with pytest.raises(Refused, match="stopping"):
                await worker.tag(["late"])
            stub.free.set()
            assert [document.text for document in await first] == ["first"]

        run(action)
        assert not worker.alive


def test_a_model_that_cannot_be_loaded_is_reported_at_the_start() -> None:
    def load() -> StubTagger:
        raise UserError("there is no model")

    worker = TaggingWorker(load, BatchSettings(), Limits(), lambda _: None)
    with pytest.raises(UserError, match="there is no model"):
        worker.start()
    assert not worker.alive


def test_a_tagger_is_loaded_and_used_by_one_thread() -> None:
    used = set()

    class Watched(StubTagger):
        def document(self, text: str) -> Document:
            used.add(threading.current_thread().name)
            return super().document(text)

    def load() -> StubTagger:
        used.add(threading.current_thread().name)
        return Watched()

    worker = TaggingWorker(load, BatchSettings(), Limits(), lambda _: None)
    worker.start()
    run(lambda: asyncio.gather(*(worker.tag(["a"]) for _ in range(20))))
    worker.close()
    assert used == {"tagger"}


# By HTTP.


def test_a_broken_text_leaves_its_batch_mates_alone() -> None:
    with running_service() as service, ThreadPoolExecutor(20) as pool:
        texts = ["Ada", "break me", "refuse me", "Bob"] * 5
        answers = list(pool.map(lambda text: service.tag(text=text), texts))
        assert [answer.status_code for answer in answers] == [200, 500, 422, 200] * 5
        assert answers[1].json() == {"error": "the server failed at this; its log has the reason"}
        assert answers[2].json() == {"error": "this text cannot be tagged"}
        assert answers[3].json()["entities"][0]["text"] == "Bob"


def held(service: RunningService, pool: ThreadPoolExecutor) -> None:
    """Keep the service busy with a batch until its stub is free."""
    service.stub.begun.clear()
    service.stub.free.clear()
    pool.submit(service.tag, text="first")
    assert service.stub.begun.wait(5)


def test_a_full_queue_is_answered_with_when_to_retry() -> None:
    with running_service(Limits(max_queue=2)) as service, ThreadPoolExecutor(4) as pool:
        held(service, pool)
        waiting = [pool.submit(service.tag, text="Ada") for _ in range(2)]
        wait_until(lambda: service.metric("ner_queue_texts") == 2)
        answer = service.tag(text="Bob")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "2 texts are waiting already" in answer.json()["error"]
        service.stub.free.set()
        assert [future.result().status_code for future in waiting] == [200, 200]


def test_a_request_that_takes_too_long_is_given_up_and_not_tagged() -> None:
    with running_service(Limits(timeout_s=0.2)) as service, ThreadPoolExecutor(4) as pool:
        held(service, pool)
        answer = service.tag(text="late")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "took too long" in answer.json()["error"]
        service.stub.free.set()
        assert service.tag(text="next").status_code == 200
        assert "late" not in service.stub.texts


def test_a_client_that_disconnects_takes_its_texts_out_of_the_queue() -> None:
    with running_service() as service, ThreadPoolExecutor(4) as pool:
        held(service, pool)
        body = b'{"texts": ["gone", "gone too"]}'
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(post(body))
            wait_until(lambda: service.worker.num_waiting == 2)
        wait_until(lambda: service.worker.num_waiting == 0)
        service.stub.free.set()
        assert service.tag(text="next").status_code == 200
        assert "gone" not in service.stub.texts
        assert service.metric('ner_requests_total{path="/tag",status="499"}') == 1
