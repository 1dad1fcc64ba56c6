"""Operations on a store end: with what they bring, after retries, or with a sentence."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from ner_dist.stores import attempts
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.attempts import in_thread, once, retries

PLACE = Address("s3", "texts", "a")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setenv("NER_STORE_RETRIES", "3")


class Failing:
    """Raises these errors one after another, then tells how often it was called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.num_calls = list(errors), 0

    def __call__(self) -> int:
        self.num_calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.num_calls


def test_what_fails_for_a_while_is_tried_again() -> None:
    assert once(PLACE, "could not be read", Failing(*[OSError("gone")] * 3)) == 4


def test_the_last_failure_names_the_object_the_retries_and_the_cause() -> None:
    call = Failing(*[OSError("gone")] * 9)
    with pytest.raises(StoreError, match=r"^s3://texts/a could not be read: 3 retries in vain \(gone\); "):
        once(PLACE, "could not be read", call)
    assert call.num_calls == 4


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (OSError("AWS Error ACCESS_DENIED during HeadObject operation"), "the store refuses it"),
        (PermissionError("no"), "the store refuses it"),
        (OSError("AWS Error NO_SUCH_BUCKET during PutObject"), "there is no such bucket"),
        (FileNotFoundError("a"), "there is no such object"),
        (TypeError("wrong"), "the store's client failed"),
    ],
)
def test_what_another_try_cannot_mend_is_said_at_once(error: Exception, found: str) -> None:
    call = Failing(error)
    with pytest.raises(StoreError, match=found):
        once(PLACE, "could not be read", call)
    assert call.num_calls == 1


def test_a_call_without_an_answer_ends_after_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_STORE_TIMEOUT", "0.05")
    monkeypatch.setenv("NER_STORE_RETRIES", "0")
    forever = threading.Event()
    with pytest.raises(StoreError, match=r"no answer for 0\.05 s"):
        once(PLACE, "could not be read", forever.wait)
    forever.set()


def test_a_try_that_got_on_is_followed_by_as_many_as_at_first() -> None:
    num_tries = 0
    for this in retries(PLACE, "could not be read"):
        with this:
            num_tries += 1
            this.got_on = num_tries < 9
            if num_tries < 12:
                raise OSError("gone")
    assert num_tries == 12


def test_an_iterator_is_told_when_its_caller_has_ended() -> None:
    told = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            yield from range(1000)
        except GeneratorExit:
            told.set()
            raise

    with in_thread(numbers, 5) as arriving:
        assert next(arriving) == 0
    assert told.wait(5)


def test_an_interrupt_is_not_taken_for_a_failure_of_the_store() -> None:
    def interrupted() -> None:
        for this in retries(PLACE, "could not be read"):
            with this:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e99"])
def test_a_limit_that_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NER_STORE_TIMEOUT", text)
    with pytest.raises(StoreError, match="NER_STORE_TIMEOUT"):
        once(PLACE, "could not be read", time.time)
