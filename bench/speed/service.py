"""The service under load: how long 50 clients wait for texts of 30 tokens, while others send what it must refuse.

python -m bench.speed.service MODEL SHARDS [options] [options of the service] prints one JSON line.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement, alternate
from bench.speed.prediction import held_out_tokens, trained_model
from ner_dist.cli.options import make_parser, option, read_options

_TOKENS, _TEXTS = 30, 1000
_GOAL_MS = 250
# Seconds of load before the clock starts, and of each side of the comparison.
_WARM_UP_S, _SHORT_S = 3.0, 15.0
# How long a hostile client rests between two requests.
_REST_S = 0.05
_COUNTED = ("ner_batch_texts_sum", "ner_batch_texts_count", "process_cpu_seconds_total")
_READY = re.compile(rb"on (http://(\S+):(\d+)) ")

# Requests that must be refused with a status of 4xx; and how many bytes those send that do not wait for an answer.
_REFUSED = {
    "no JSON": b'{"text": "half',
    "no UTF-8": b'{"text": "\xff"}',
    "another type": b'{"text": 7}',
    "half a surrogate pair": b'{"text": "\\ud83d"}',
    "a NUL": b'{"text": "a\\u0000"}',
    "deep nesting": b"[" * 100_000,
    "a huge number": b'{"text": ' + b"9" * 100_000 + b"}",
    "a long text": json.dumps({"text": "word " * 3000}).encode(),
    "many texts": json.dumps({"texts": ["word"] * 5000}).encode(),
    "a large body": b" " * (2 << 20),
}
_UNFINISHED = {"gone while it waits": None, "half a body": -5, "half a head": 20}


@dataclasses.dataclass(frozen=True)
class ServiceLoadOptions:
    """Put a service under load; options that are not listed are passed on to it."""

    model: str = option(positional=True, metavar="MODEL")
    """directory of a run or of an exported model"""
    shards: str = option(positional=True, metavar="SHARDS")
    """shard set whose test split the texts come from"""
    seconds: float = 60.0
    """duration of the load"""
    clients: int = option(50, least=1)
    """clients that ask, each again when it has its answer"""
    hostile: int = option(5, least=0)
    """clients that send what must be refused"""


def _request(body: bytes) -> bytes:
    head = b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


class ServiceClient:
    """A client whose connection is kept alive."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        self._writer.write(_request(body))
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        (size,) = re.findall(rb"content-length: (\d+)", head)
        answer = await self._reader.readexactly(int(size))
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), answer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def vanish(self, sent: bytes) -> None:
        """Send a part of a request and reset the connection, as happens when a client is killed."""
        _, writer = await asyncio.open_connection(*self._address)
        writer.write(sent)
        await asyncio.sleep(_REST_S)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()


class ServiceLoad(NamedTuple):
    """A load, and what has come of it so far."""

    address: tuple[str, int]
    bodies: list[bytes]
    # The entities of each body, as found without other load.
    expected: list[list[tuple[int, int, str]]]
    # Times of perf_counter: waits that begin before from_s do not count, no requests are made after until_s.
    from_s: float
    until_s: float
    waits_s: list[float]
    # Counts of errors by kind, and of refused requests by kind and status.
    errors: Counter[str]
    refused: Counter[str]


def found(answer: bytes) -> list[tuple[int, int, str]]:
    return [(entity["start"], entity["end"], entity["type"]) for entity in json.loads(answer)["entities"]]


async def honest(load: ServiceLoad, first: int) -> None:
    """Send text after text, starting with text number `first`."""
    client = ServiceClient(load.address)
    for place in itertools.cycle([*range(first, len(load.bodies)), *range(first)]):
        began_s = time.perf_counter()
        if began_s > load.until_s:
            break
        try:
            status, answer = await client.ask(load.bodies[place])
        except (OSError, asyncio.IncompleteReadError) as error:
            load.errors[type(error).__name__] += 1
            client.close()
            continue
        if status != 200:
            load.errors[f"status {status}"] += 1
        elif found(answer) != load.expected[place]:
            load.errors["another answer"] += 1
        elif began_s > load.from_s:
            load.waits_s.append(time.perf_counter() - began_s)
    client.close()


async def hostile(load: ServiceLoad) -> None:
    """Alternate between requests that must be refused and requests abandoned before the answer."""
    client = ServiceClient(load.address)
    for kind in itertools.cycle([*_REFUSED, *_UNFINISHED]):
        if time.perf_counter() > load.until_s:
            break
        await asyncio.sleep(_REST_S)
        body = _REFUSED.get(kind, load.bodies[0])
        if kind in _UNFINISHED:
            await client.vanish(_request(body)[: _UNFINISHED[kind]])
            load.refused[kind] += 1
            continue
        status, answer = await client.ask(body)
        if 400 <= status < 500 and list(json.loads(answer)) == ["error"]:
            load.refused[f"{kind}, {status}"] += 1
        else:
            load.errors[f"{kind}: status {status}"] += 1
    client.close()


async def press(address: tuple[str, int], options: ServiceLoadOptions) -> tuple[ServiceLoad, list[float]]:
    """A load, and the increase of the service's own counters meanwhile."""
    tokens = list(itertools.islice(itertools.chain.from_iterable(held_out_tokens(options.shards)), _TOKENS * _TEXTS))
    texts = [" ".join(tokens[first : first + _TOKENS]) for first in range(0, len(tokens) - _TOKENS + 1, _TOKENS)]
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    alone = ServiceClient(address)
    expected = [found((await alone.ask(body))[1]) for body in bodies]
    alone.close()
    before = counts(address)
    from_s = time.perf_counter() + _WARM_UP_S
    load = ServiceLoad(address, bodies, expected, from_s, from_s + options.seconds, [], Counter(), Counter())
    clients = [honest(load, len(bodies) * number // options.clients) for number in range(options.clients)]
    await asyncio.gather(*clients, *(hostile(load) for _ in range(options.hostile)))
    return load, [after - earlier for after, earlier in zip(counts(address), before)]


class Served(NamedTuple):
    address: tuple[str, int]
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def served(model: str, *knobs: str, code: str | None = None) -> Iterator[Served]:
    """A service in a process of its own, which must end with status 0. code: another checkout whose service it is."""
    command = [sys.executable, "-m", "ner_dist.serve", os.path.abspath(model), "--port", "0", *knobs]
    # A file, because nobody would go on reading a pipe.
    with tempfile.TemporaryFile() as out, subprocess.Popen(command, stdout=out, cwd=code) as process:
        try:
            while (ready := _READY.search(_so_far(out))) is None:
                if process.poll() is not None:
                    raise RuntimeError("the service has not started")
                time.sleep(0.05)
            yield Served((ready[2].decode(), int(ready[3])), process)
        finally:
            process.terminate()
            status = process.wait()
    if status:
        raise RuntimeError(f"the service has ended with status {status}")


def _so_far(file: IO[bytes]) -> bytes:
    return os.pread(file.fileno(), 1 << 16, 0)


def counts(address: tuple[str, int]) -> list[float]:
    """The service's own metrics named in _COUNTED."""
    lines = urllib.request.urlopen("http://{}:{}/metrics".format(*address)).read().decode()
    found: Counter[str] = Counter()
    # Those of all models together.
    for name, value in re.findall(r"^([^#{ ]+)\S* (\S+)$", lines, re.M):
        found[name] += float(value)  # type: ignore[assignment]
    return [float(found[name]) for name in _COUNTED]


def measure(options: ServiceLoadOptions, *knobs: str, code: str | None = None) -> dict[str, Any]:
    """All figures of one load; waits in milliseconds. knobs: options of the service. code: as for served."""
    with served(options.model, *knobs, code=code) as (address, _):
        load, (texts, batches, cpu_s) = asyncio.run(press(address, options))
    waits_ms = (1e3 * np.percentile(load.waits_s, (50, 95, 99, 100))).tolist()
    return {
        "requests": len(load.waits_s),
        "requests_per_second": len(load.waits_s) / options.seconds,
        **dict(zip(("p50_ms", "p95_ms", "p99_ms", "max_ms"), waits_ms)),
        "errors": dict(load.errors),
        "refused": dict(load.refused),
        "texts_of_a_batch": texts / batches,
        "server_cores": cpu_s / (_WARM_UP_S + options.seconds),
    }


def service(options: BenchOptions) -> Iterator[Measurement]:
    with trained_model(options.shards) as (_, exported):
        full = measure(ServiceLoadOptions(exported, options.shards))
        short = ServiceLoadOptions(exported, options.shards, seconds=_SHORT_S, hostile=0)
        batches, singly = alternate(
            options.repeats,
            lambda: measure(short, "--max-batch", "64")["requests_per_second"],
            lambda: measure(short, "--max-batch", "1")["requests_per_second"],
        )
    name = "service, 50 clients of 30 tokens and 5 hostile ones, 60 s"
    yield Measurement(f"{name}: 99th percentile / aim", full["p99_ms"], _GOAL_MS, "ms")
    yield Measurement(f"{name}: errors / requests", sum(full["errors"].values()), full["requests"], "requests")
    yield Measurement("service, batches / one text at a time, 50 clients", batches, singly, "requests/s")


def main() -> None:
    prog, usage = "python -m bench.speed.service", "MODEL SHARDS [options] [options of the service]"
    parser = make_parser(ServiceLoadOptions, prog, usage=usage, example="exported data/shards --max-batch 1")
    given, knobs = parser.parse_known_args()
    print(json.dumps(measure(read_options(ServiceLoadOptions, given), *knobs)))


if __name__ == "__main__":
    main()
