"""What waits is tagged together, in turn, and nothing that goes wrong with one request touches another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document
from ner_dist.serving.batching import Batcher, Knobs
from ner_dist.serving.limits import Limits, Refused
from ner_dist.serving.metrics import Metrics
from tests.serving.test_serve import Served, Stub, served, wait_until


@contextlib.contextmanager
def batching(knobs: Knobs | None = None, stub: Stub | None = None) -> Iterator[tuple[Stub, Batcher]]:
    stub = stub or Stub()
    batcher = Batcher(lambda: stub, knobs or Knobs(), Metrics())
    batcher.start()
    try:
        yield stub, batcher
    finally:
        stub.free.set()
        batcher.close()
        assert batcher.join(5)


async def behind_a_batch(stub: Stub, batcher: Batcher, *requests: list[str]) -> list[asyncio.Task[list[Document]]]:
    """Requests that have come while the stub is at another one, which is at work on "first"."""
    stub.free.clear()
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(batcher.tag(["first"]))]
    await loop.run_in_executor(None, stub.begun.wait, 5)
    for request in requests:
        tasks.append(loop.create_task(batcher.tag(list(request))))
        # In this order.
        await asyncio.sleep(0)
    return tasks


def run(action: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        await action()

    asyncio.run(within())


def test_what_comes_while_the_model_works_is_tagged_together() -> None:
    with batching() as (stub, batcher):

        async def action() -> None:
            tasks = await behind_a_batch(stub, batcher, ["a"], ["b"], ["c"])
            assert batcher.num_waiting == 3
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
        assert batcher.num_waiting == 0


def test_a_long_request_lets_short_ones_pass() -> None:
    with batching(Knobs(max_batch=3)) as (stub, batcher):

        async def action() -> None:
            tasks = await behind_a_batch(stub, batcher, ["l1", "l2", "l3", "l4", "l5"], ["a"], ["b"])
            stub.free.set()
            found = await asyncio.gather(*tasks)
            assert [document.text for document in found[1]] == ["l1", "l2", "l3", "l4", "l5"]

        run(action)
        assert stub.batches == [["first"], ["l1", "a", "b"], ["l2", "l3", "l4"], ["l5"]]


def test_a_batch_has_no_more_characters_than_allowed_unless_one_text_has() -> None:
    with batching(Knobs(max_characters=10)) as (stub, batcher):

        async def action() -> None:
            tasks = await behind_a_batch(stub, batcher, ["12345"], ["12345"], ["1"], ["123456789 12345"], ["2"])
            stub.free.set()
            await asyncio.gather(*tasks)

        run(action)
        assert stub.batches == [["first"], ["12345", "12345"], ["1"], ["123456789 12345"], ["2"]]


def test_a_batch_may_wait_for_others() -> None:
    with batching(Knobs(max_batch=2, max_wait_s=10.0)) as (stub, batcher):

        async def action() -> None:
            # The second fills the batch, so that nobody waits for the ten seconds.
            await asyncio.gather(batcher.tag(["a"]), batcher.tag(["b"]))

        run(action)
        assert stub.batches == [["a", "b"]]


def test_a_full_queue_refuses_and_keeps_what_waits() -> None:
    with batching(Knobs(max_queue=3)) as (stub, batcher):

        async def action() -> None:
            tasks = await behind_a_batch(stub, batcher, ["a", "b"])
            with pytest.raises(Refused, match="2 texts wait already") as refused:
                await batcher.tag(["c", "d"])
            assert refused.value.status == 503
            tasks.append(asyncio.get_running_loop().create_task(batcher.tag(["e"])))
            await asyncio.sleep(0)
            stub.free.set()
            await asyncio.gather(*tasks)
            # One alone may be larger than the queue.
            assert len(await batcher.tag(["f"] * 5)) == 5

        run(action)


def test_what_cannot_be_tagged_fails_alone() -> None:
    with batching() as (stub, batcher):

        async def action() -> None:
            tasks = await behind_a_batch(stub, batcher, ["Ada"], ["mend me"], ["x", "break me", "y"], ["Bob"])
            stub.free.set()
            first, ada, mend, broken, bob = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(first, list)
            assert isinstance(ada, list)
            assert isinstance(bob, list)
            assert (ada[0].entities[0].text, bob[0].entities[0].text) == ("Ada", "Bob")
            assert isinstance(mend, Refused)
            assert (mend.status, str(mend)) == (422, "this text is to be mended")
            assert isinstance(broken, Refused)
            assert (broken.status, "ZeroDivision" in str(broken)) == (500, False)

        run(action)
        assert batcher.alive


def test_who_gives_up_takes_its_texts_along() -> None:
    with batching(Knobs(max_batch=1)) as (stub, batcher):

        async def action() -> None:
            first, gone, stays = await behind_a_batch(stub, batcher, ["gone", "gone too"], ["stays"])
            gone.cancel()
            await asyncio.sleep(0.01)
            assert batcher.num_waiting == 1
            stub.free.set()
            await asyncio.gather(first, stays)

        run(action)
        assert stub.texts == ["first", "stays"]


def test_closing_refuses_what_waits_and_finishes_what_is_under_way() -> None:
    with batching() as (stub, batcher):

        async def action() -> None:
            first, waits = await behind_a_batch(stub, batcher, ["waits"])
            batcher.close()
            with pytest.raises(Refused, match="stopping"):
                await waits
            with pytest.raises(Refused, match="stopping"):
                await batcher.tag(["late"])
            stub.free.set()
            assert [document.text for document in await first] == ["first"]

        run(action)
        assert not batcher.alive


def test_a_model_that_cannot_be_loaded_is_told_at_the_start() -> None:
    def load() -> Stub:
        raise UserError("there is no model")

    batcher = Batcher(load, Knobs(), Metrics())
    with pytest.raises(UserError, match="there is no model"):
        batcher.start()
    assert not batcher.alive


def test_a_tagger_is_loaded_and_used_by_one_thread() -> None:
    used = set()

    class Watched(Stub):
        def document(self, text: str) -> Document:
            used.add(threading.current_thread().name)
            return super().document(text)

    def load() -> Stub:
        used.add(threading.current_thread().name)
        return Watched()

    batcher = Batcher(load, Knobs(), Metrics())
    batcher.start()
    run(lambda: asyncio.gather(*(batcher.tag(["a"]) for _ in range(20))))
    batcher.close()
    assert used == {"tagger"}


# By HTTP.


def test_a_broken_text_leaves_its_batch_mates_alone() -> None:
    with served() as service, ThreadPoolExecutor(20) as pool:
        texts = ["Ada", "break me", "mend me", "Bob"] * 5
        answers = list(pool.map(lambda text: service.tag(text=text), texts))
        assert [answer.status_code for answer in answers] == [200, 500, 422, 200] * 5
        assert answers[1].json() == {"error": "the server has failed at this; its log says why"}
        assert answers[2].json() == {"error": "this text is to be mended"}
        assert answers[3].json()["entities"][0]["text"] == "Bob"


def held(service: Served, pool: ThreadPoolExecutor) -> None:
    """Let the service be at a batch until its stub is free."""
    service.stub.begun.clear()
    service.stub.free.clear()
    pool.submit(service.tag, text="first")
    assert service.stub.begun.wait(5)


def test_a_full_queue_is_said_with_when_to_come_again() -> None:
    with served(knobs=Knobs(max_queue=2)) as service, ThreadPoolExecutor(4) as pool:
        held(service, pool)
        waiting = [pool.submit(service.tag, text="Ada") for _ in range(2)]
        wait_until(lambda: service.metric("ner_queue_texts") == 2)
        answer = service.tag(text="Bob")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "2 texts wait already" in answer.json()["error"]
        service.stub.free.set()
        assert [future.result().status_code for future in waiting] == [200, 200]


def test_what_takes_too_long_is_given_up_and_not_tagged() -> None:
    with served(Limits(timeout_s=0.2)) as service, ThreadPoolExecutor(4) as pool:
        held(service, pool)
        answer = service.tag(text="late")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "took too long" in answer.json()["error"]
        service.stub.free.set()
        assert service.tag(text="next").status_code == 200
        assert "late" not in service.stub.texts


def test_a_client_that_goes_takes_its_texts_along() -> None:
    with served() as service, ThreadPoolExecutor(4) as pool:
        held(service, pool)
        body = b'{"texts": ["gone", "gone too"]}'
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(b"POST /tag HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            wait_until(lambda: service.batcher.num_waiting == 2)
        wait_until(lambda: service.batcher.num_waiting == 0)
        service.stub.free.set()
        assert service.tag(text="next").status_code == 200
        assert "gone" not in service.stub.texts
        assert service.metric('ner_requests_total{path="/tag",status="499"}') == 1
