"""The board: where a failing rank leaves its sentence for the others, and where each rank shows that it lives.

It is horovodrun's rendezvous server, a store of keys and values over HTTP that outlives the ranks. Whoever reaches it
may write there, so what is read is text to be shown, cut and cleaned, and nothing else. A board that does not answer
is an empty one: no rank fails because of it.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import platform
import time
from typing import Any, NamedTuple

# Not a name that Horovod uses for its own keys.
_SCOPE = "ner_dist"
# Of each request. A stopped launcher accepts a connection and does not answer.
_TIMEOUT_S = 1.0
_MOST_BYTES = 8192
_MOST_CHARACTERS = 1000
_MOST_NUMBER = 1 << 53
_FIRST, _SAID = "first", "said"


class Failure(NamedTuple):
    """Why a rank failed by itself, not because another one was lost."""

    rank: int
    host: str
    sentence: str

    def __str__(self) -> str:
        return f"rank {self.rank} on {self.host} failed first: {self.sentence}"


class Sign(NamedTuple):
    """A sign of life."""

    rank: int
    host: str
    process: int
    # Which processes can be told by their numbers: those of one host and one container.
    namespace: str
    # Counts the signs of this rank.
    beat: int
    # Steps trained, 0 before the first.
    step: int
    # Whether it waits for others.
    waiting: bool
    # Whether it has noticed that others are gone.
    bereft: bool

    def __str__(self) -> str:
        return f"rank {self.rank} on {self.host} (process {self.process})"


class Board:
    """One job's board, as one rank sees it. Without an address, nothing is written and nothing is found."""

    def __init__(self, address: str, port: int, rank: int, num_ranks: int) -> None:
        self.rank, self.num_ranks = rank, num_ranks
        self._address, self._port = address, port

    def report(self, sentence: str, of: Sign | None = None) -> Failure | None:
        """Leave why this rank fails, or the one that gave this sign, unless another rank has failed before.

        Returns the first failure as the others will read it; None if the board does not answer.
        """
        if self.first_failure() is None:
            rank, host = (self.rank, platform.node()) if of is None else (of.rank, of.host)
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            self._write(_FIRST, {"rank": rank, "host": host, "time": now, "sentence": cleaned(sentence)})
        return self.first_failure()

    def first_failure(self) -> Failure | None:
        found = self._read(_FIRST)
        try:
            failure = Failure(_number(found["rank"]), _text(found["host"]), _text(found["sentence"]))
        except (KeyError, TypeError, ValueError):
            return None
        return failure if failure.rank < self.num_ranks and failure.sentence else None

    def say(self) -> None:
        """Note that the reason is on the terminal."""
        self._write(_SAID, {"rank": self.rank})

    def is_said(self) -> bool:
        return bool(self._read(_SAID))

    def show(self, sign: Sign) -> None:
        self._write(f"sign-{self.rank}", sign._asdict())

    def sign(self, rank: int) -> Sign | None:
        """The last sign that a rank has given."""
        return _sign(rank, self._read(f"sign-{rank}"))

    def signs_of_others(self) -> dict[int, Sign]:
        """The last sign of each other rank that has given one; asks for each."""
        found = ((rank, self.sign(rank)) for rank in range(self.num_ranks) if rank != self.rank)
        return {rank: sign for rank, sign in found if sign is not None}

    def _write(self, key: str, value: dict[str, Any]) -> None:
        self._request("PUT", key, json.dumps(value).encode())

    def _read(self, key: str) -> dict[str, Any]:
        """Empty if there is nothing, or nothing that can be read."""
        try:
            found = json.loads(self._request("GET", key))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _request(self, method: str, key: str, body: bytes | None = None) -> bytes:
        if not self._address:
            return b""
        connection = http.client.HTTPConnection(self._address, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, f"/{_SCOPE}/{key}", body)
            answer = connection.getresponse()
            found = answer.read(_MOST_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError):
            return b""
        finally:
            connection.close()
        return found if answer.status == 200 and len(found) <= _MOST_BYTES else b""


@functools.lru_cache(maxsize=1)
def of_this_job() -> Board:
    """The board that horovodrun has told this process of; alone, one without an address."""
    address = os.environ.get("HOROVOD_GLOO_RENDEZVOUS_ADDR", "")
    try:
        port, rank, num_ranks = (
            int(os.environ.get(name, "0")) for name in ("HOROVOD_GLOO_RENDEZVOUS_PORT", "HOROVOD_RANK", "HOROVOD_SIZE")
        )
    except ValueError:
        return Board("", 0, 0, 1)
    return Board(address if 0 < port < 1 << 16 else "", port, rank, max(1, num_ranks))


def own_sign(rank: int, beat: int, step: int, waiting: bool, bereft: bool = False) -> Sign:
    return Sign(rank, platform.node(), os.getpid(), _namespace(), beat, step, waiting, bereft)


def is_gone(sign: Sign) -> bool:
    """Whether this process can tell that the other one is no longer there."""
    if not sign.namespace or (sign.host, sign.namespace) != (platform.node(), _namespace()):
        return False
    try:
        with open(f"/proc/{sign.process}/stat", "rb") as file:
            # The name before it may contain brackets. A zombie has ended, too.
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def cleaned(text: str) -> str:
    """One line that cannot do anything to a terminal, of bounded length."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * _MOST_CHARACTERS])
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]} ..."


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _sign(rank: int, found: dict[str, Any]) -> Sign | None:
    try:
        process, beat, step = (_number(found[name]) for name in ("process", "beat", "step"))
        flags = found["waiting"] is True, found["bereft"] is True
        return Sign(rank, _text(found["host"]), process, _text(found["namespace"]), beat, step, *flags)
    except (KeyError, TypeError, ValueError):
        return None


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST_NUMBER:
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return cleaned(value)
