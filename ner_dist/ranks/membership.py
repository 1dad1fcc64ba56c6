"""This process's part in an elastic job: it asks the launcher which rank it is, and learns when that is to change.

The ranks of an elastic job come in generations. In each, the members that are left and those that have come connect
anew. The launcher decides who they are (launch/job/elastic_members.py says by what rules) and serves this as JSON at
the address that NER_MEMBER holds.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

VARIABLE = "NER_MEMBER"
# What the launcher may set for a generation, all of them whole numbers.
PART = (
    *(f"HOROVOD_{kind}{what}" for kind in ("", "LOCAL_", "CROSS_") for what in ("RANK", "SIZE")),
    "HOROVOD_GLOO_RENDEZVOUS_PORT",
)
_MOST_NUMBER = 1 << 16
_MOST_BYTES = 4096
_TIMEOUT_S = 2.0
# How often it is asked for a part, and, while there is one, whether that is to change.
_ASK_S, _LISTEN_S = 0.03, 0.25
# Exchanges fail by themselves when a rank is lost; those that do not after so many answers that say so are ended.
_MOST_WARNINGS = 4

log = logging.getLogger("ner_dist")


class Dismissed(Exception):
    """The launcher wants this process no longer; the others go on."""


class Membership:
    """Of this process. `await_part`, `joined` and then others' changes, in turn."""

    def __init__(self, address: str, port: int, path: str) -> None:
        self._address, self._port, self._path = address, port, path
        self.generation = -1
        # Whether the launcher wants other ranks than those of now, at a moment that suits them.
        self.wants_change = False
        # Whether the launcher ends the whole job, or this process has told it that it alone is to end.
        self._is_stopping = self._is_leaving = False
        self._lock = threading.Lock()
        self._give_up: Callable[[], None] | None = None

    def await_part(self) -> None:
        """Wait for a part in the next generation, and set the variables that Horovod reads. Raises Dismissed."""
        with self._lock:
            self._give_up, self.wants_change = None, False
        reported = False
        while True:
            # Again and again until it has arrived; the launcher may be stopped for a time.
            reported = reported or self._tell({"ready_after": self.generation})
            answer = self._ask()
            if answer.get("dismissed") is True:
                raise Dismissed
            generation = answer.get("generation")
            if type(generation) is int and generation > self.generation and (part := _part(answer)):
                break
            time.sleep(_ASK_S)
        os.environ.update(part)
        self.generation = generation

    def joined(self, give_up: Callable[[], None]) -> None:
        """The connections are there. give_up: ends them if the generation is over and exchanges do not notice."""
        self._tell({"joined": self.generation})
        with self._lock:
            self._give_up = give_up
        threading.Thread(target=self._listen, args=(self.generation,), name="membership", daemon=True).start()

    def leaves(self) -> bool:
        """For a process that is asked to end: whether the others go on without it; not if the whole job is to end."""
        if not self._is_leaving:
            self._is_leaving = self._tell({"leaving": 1})
            self._is_stopping = self._ask().get("stopping") is not False
        return self._is_leaving and not self._is_stopping

    def accuse(self, rank: int) -> None:
        """Tell the launcher that a rank keeps the others waiting."""
        self._tell({"silent": rank, "generation": self.generation})

    def _listen(self, generation: int) -> None:
        never, warnings = threading.Event(), 0
        while not never.wait(_LISTEN_S):
            answer = self._ask()
            with self._lock:
                if self.generation != generation or self._give_up is None:
                    return
                self.wants_change = answer.get("wanted") is True
                self._is_stopping = answer.get("stopping") is True
                warnings += answer.get("broken") is True
                if warnings == _MOST_WARNINGS:
                    log.warning("other ranks are gone, which no exchange has noticed; giving up the connections")
                    self._give_up()

    def _tell(self, message: dict[str, int]) -> bool:
        return self._request("PUT", json.dumps(message).encode()) is not None

    def _ask(self) -> dict[str, Any]:
        """Empty if there is no answer."""
        try:
            found = json.loads(self._request("GET") or b"{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _request(self, method: str, body: bytes | None = None) -> bytes | None:
        connection = http.client.HTTPConnection(self._address, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, self._path, body)
            answer = connection.getresponse()
            found = answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return found if answer.status == 200 else None


def of_this_process() -> Membership | None:
    """None if the job is not elastic."""
    address, _, rest = os.environ.get(VARIABLE, "").partition(":")
    port, slash, path = rest.partition("/")
    return Membership(address, int(port), slash + path) if address and port.isdecimal() and slash else None


def _part(answer: dict[str, Any]) -> dict[str, str]:
    """The variables of the part in an answer; empty if there is none."""
    found = answer.get("part")
    numbers = [found.get(name) for name in PART] if isinstance(found, dict) else [None]
    if not all(type(number) is int and 0 <= number < _MOST_NUMBER for number in numbers):
        return {}
    return {name: str(number) for name, number in zip(PART, numbers)}
