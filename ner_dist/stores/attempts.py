"""What is done to a store, with a time limit and again after a failure that may pass.

Every operation runs as an iterator in a thread of its own, because some stores' clients wait for ever; the caller gets
what it yields, and gives up if nothing comes for NER_STORE_TIMEOUT seconds.
"""

from __future__ import annotations

import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from ner_dist.foreign.names import shortened
from ner_dist.stores.addresses import Address, StoreError

Item = TypeVar("Item")

_TIMEOUT_S, _NUM_RETRIES = 60.0, 5
# The wait before the first retry; it doubles with each.
_FIRST_WAIT_S, _MOST_WAIT_S = 0.5, 30.0
# Of what stores say when another try cannot help, in lower case.
_REFUSALS = (
    "access_denied", "accessdenied", "access denied", "forbidden", "permission", "unauthorized", "authoriz",
    "authentic", "invalid_access_key", "invalidaccesskeyid", "invalid_client_token", "signature", "credential",
    "http status: 401", "http status: 403",
)  # fmt: skip
_ABSENCES = (
    "no_such_bucket",
    "nosuchbucket",
    "no such bucket",
    "bucket does not exist",
    "containernotfound",
    "no bucket",
)


def store_timeout_s() -> float:
    return _number("NER_STORE_TIMEOUT", _TIMEOUT_S)


def store_retries() -> int:
    return int(_number("NER_STORE_RETRIES", _NUM_RETRIES))


def _number(name: str, otherwise: float) -> float:
    text = os.environ.get(name) or str(otherwise)
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1e9:
        raise StoreError(f"the environment variable {name} is {shortened(text)}, expected a number from 0")
    return value


@contextmanager
def in_thread(work: Callable[[], Iterator[Item]], timeout_s: float) -> Iterator[Iterator[Item]]:
    """What an iterator yields in a thread of its own, as a context. Raises what it raises, or TimeoutError.

    If the context ends before it does, the iterator is closed where it waits in its yield: GeneratorExit tells it not
    to finish what it has begun.
    """
    items: queue.Queue[tuple[str, object]] = queue.Queue(maxsize=2)
    has_ended = threading.Event()

    def put(item: tuple[str, object]) -> bool:
        while not has_ended.is_set():
            try:
                items.put(item, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def run() -> None:
        iterator = work()
        try:
            for item in iterator:
                if not put(("item", item)):
                    iterator.close()  # type: ignore[attr-defined]
                    return
            put(("end", None))
        except BaseException as error:
            put(("error", error))

    threading.Thread(target=run, name="store", daemon=True).start()
    try:
        yield _arriving(items, timeout_s)
    finally:
        has_ended.set()


def _arriving(items: queue.Queue[tuple[str, object]], timeout_s: float) -> Iterator[Item]:
    while True:
        try:
            kind, item = items.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"no answer for {timeout_s:g} s") from None
        if kind == "item":
            yield item  # type: ignore[misc]
        elif kind == "end":
            return
        else:
            raise item  # type: ignore[misc]


def once(address: Address, doing: str, call: Callable[[], Item], patience: float = 1) -> Item:
    """The result of one call, tried again if need be. Raises StoreError.

    doing: "could not be ...", for messages. patience: how many time limits it may take.
    """

    def work() -> Iterator[Item]:
        yield call()

    for wait in retries(address, doing):
        with wait, in_thread(work, store_timeout_s() * patience) as results:
            return next(results)
    raise AssertionError("the last retry raises")


class Try:
    """One try, as a context: what is raised in it may pass and be tried again, or ends as a StoreError."""

    def __init__(self, address: Address, doing: str, is_last: bool) -> None:
        self._address, self._doing, self._is_last = address, doing, is_last
        self.failed = False
        # Whether it has brought something that the next try need not do again.
        self.got_on = False

    def __enter__(self) -> Try:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None or isinstance(error, StoreError) or not isinstance(error, Exception):
            return False
        self.failed = True
        if is_final(error) or (self._is_last and not self.got_on):
            complain(self._address, self._doing, error, self._is_last and not is_final(error))
        return True


def retries(address: Address, doing: str) -> Iterator[Try]:
    """Tries to make, with a longer wait before each; a try that got on is followed by as many as at first."""
    number = 0
    while True:
        this = Try(address, doing, number >= store_retries())
        yield this
        if not this.failed:
            return
        number = 0 if this.got_on else number + 1
        # At random, so that the ranks of a job do not come back all at once.
        time.sleep(min(_FIRST_WAIT_S * 2**number, _MOST_WAIT_S) * random.uniform(0.5, 1))


def is_final(error: Exception) -> bool:
    """Whether another try would end in the same way."""
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)):
        return True
    text = str(error).lower()
    # A stream that has failed in the background says so in the next call.
    if not isinstance(error, OSError) and "closed file" not in text:
        return True
    return any(word in text for word in (*_REFUSALS, *_ABSENCES)) and "timeout" not in text


def complain(address: Address, doing: str, error: Exception, was_repeated: bool = False) -> NoReturn:
    """Raise the StoreError that says what a store's client has said, on one line."""
    # What follows in messages of Google's client is for its programmers.
    said = " ".join(str(error).split()).partition(" error_info=")[0] or type(error).__name__
    text = said.lower()
    if any(word in text for word in _ABSENCES):
        reason, advice = "there is no such bucket", "create the bucket, or mend its name"
    elif isinstance(error, FileNotFoundError):
        reason, advice = "there is no such object", "see its name"
    elif isinstance(error, PermissionError) or any(word in text for word in _REFUSALS):
        reason, advice = "the store refuses it", "see the credentials in the environment, and what they may do"
    elif was_repeated:
        reason, advice = f"{store_retries()} retries in vain", "is the store to be reached? Then try again"
    else:
        reason, advice = "the store's client failed", "see docs/how-to/object-stores.md"
    raise StoreError(f"{address} {doing}: {reason} ({shortened(said, 300)[1:-1]}); {advice}") from error
