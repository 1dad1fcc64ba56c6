"""The service under load: how long 50 clients wait for texts of 30 tokens, while others send what it must refuse.

python -m bench.speed.service MODEL SHARDS [--seconds 60] [--clients 50] [the service's] prints one JSON line of a
run's directory, or an exported model's. Clients and server share the machine's cores: what a client takes to write,
read and check an answer is in its wait. Every answer is compared with the one to the same text when it was asked alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
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
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from bench.speed.rows import Options, Row, alternate, row
from ner_dist.contract.shard_format import read_index

_TOKENS, _TEXTS = 30, 1000
_GOAL_MS = 250
# Seconds of load before the clock starts, and of each side of the comparison.
_WARM_UP_S, _SHORT_S = 3.0, 15.0
# Clients that mean harm, and how long each rests between two requests.
_HOSTILE, _REST_S = 5, 0.05
_COUNTED = ("ner_batch_texts_sum", "ner_batch_texts_count", "process_cpu_seconds_total")
_READY = re.compile(r"on (http://(\S+):(\d+)) ")

# What must be refused with a status of 4xx; and how much is sent by those that do not wait for an answer.
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


def _request(body: bytes) -> bytes:
    return b"POST /tag HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Client:
    """A connection that is kept."""

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
        """Send a part of a request and reset the connection, as that of a process that is killed."""
        _, writer = await asyncio.open_connection(*self._address)
        writer.write(sent)
        await asyncio.sleep(_REST_S)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()


class Load(NamedTuple):
    address: tuple[str, int]
    bodies: list[bytes]
    # Of each body, what was found when nothing else was asked.
    expected: list[list[tuple[int, int, str]]]
    # Seconds of perf_counter: waits before the first do not count, requests after the second are not made.
    from_s: float
    until_s: float


class Outcome(NamedTuple):
    waits_s: list[float]
    # Whatever went wrong, by what it was; and what was refused, by kind and status.
    errors: Counter[str]
    refused: Counter[str]


def found(answer: bytes) -> list[tuple[int, int, str]]:
    return [(entity["start"], entity["end"], entity["type"]) for entity in json.loads(answer)["entities"]]


async def honest(load: Load, first: int, outcome: Outcome) -> None:
    """Ask for text after text, from the given one on."""
    client = Client(load.address)
    for place in itertools.cycle([*range(first, len(load.bodies)), *range(first)]):
        began_s = time.perf_counter()
        if began_s > load.until_s:
            break
        try:
            status, answer = await client.ask(load.bodies[place])
        except (OSError, asyncio.IncompleteReadError) as error:
            outcome.errors[type(error).__name__] += 1
            client.close()
            continue
        if status != 200:
            outcome.errors[f"status {status}"] += 1
        elif found(answer) != load.expected[place]:
            outcome.errors["another answer"] += 1
        elif began_s > load.from_s:
            outcome.waits_s.append(time.perf_counter() - began_s)
    client.close()


async def hostile(load: Load, outcome: Outcome) -> None:
    """Ask for what must be refused, and go before the answer, in turn."""
    client = Client(load.address)
    for kind in itertools.cycle([*_REFUSED, *_UNFINISHED]):
        if time.perf_counter() > load.until_s:
            break
        await asyncio.sleep(_REST_S)
        body = _REFUSED.get(kind, load.bodies[0])
        if kind in _UNFINISHED:
            await client.vanish(_request(body)[: _UNFINISHED[kind]])
            outcome.refused[kind] += 1
            continue
        status, answer = await client.ask(body)
        if 400 <= status < 500 and list(json.loads(answer)) == ["error"]:
            outcome.refused[f"{kind}, {status}"] += 1
        else:
            outcome.errors[f"{kind}: status {status}"] += 1
    client.close()


async def press(
    address: tuple[str, int], texts: list[str], num_clients: int, num_hostile: int, last_s: float
) -> tuple[Outcome, list[float]]:
    """What came of it, and the service's own counts of meanwhile."""
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    alone = Client(address)
    expected = [found((await alone.ask(body))[1]) for body in bodies]
    alone.close()
    before = counts(address)
    from_s = time.perf_counter() + _WARM_UP_S
    load = Load(address, bodies, expected, from_s, from_s + last_s)
    outcome = Outcome([], Counter(), Counter())
    clients = [honest(load, len(bodies) * number // num_clients, outcome) for number in range(num_clients)]
    await asyncio.gather(*clients, *(hostile(load, outcome) for _ in range(num_hostile)))
    return outcome, [after - earlier for after, earlier in zip(counts(address), before)]


@contextlib.contextmanager
def served(model: str, *knobs: str) -> Iterator[tuple[str, int]]:
    """Host and port of a service in a process of its own, which must end in order."""
    command = [sys.executable, "-m", "ner_dist.serve", model, "--port", "0", *knobs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = _READY.search(process.stdout.readline())
            if ready is None:
                raise RuntimeError("the service has not started")
            yield ready[2], int(ready[3])
        finally:
            process.terminate()
            code = process.wait()
    if code:
        raise RuntimeError(f"the service has ended with status {code}")


def texts_of(shards: str) -> list[str]:
    """Texts of 30 tokens from test, or from dev if there is no test."""
    index = read_index(shards)
    files = [Path(shards) / entry.path for entry in index.splits.get("test") or index.splits["dev"]]
    rows = (tokens for path in files for tokens in pq.read_table(path, columns=["text"])["text"].to_pylist())
    tokens = list(itertools.islice(itertools.chain.from_iterable(rows), _TOKENS * _TEXTS))
    return [" ".join(tokens[first : first + _TOKENS]) for first in range(0, len(tokens) - _TOKENS + 1, _TOKENS)]


def counts(address: tuple[str, int]) -> list[float]:
    """Of the service's own metrics those in _COUNTED."""
    host, port = address
    lines = urllib.request.urlopen(f"http://{host}:{port}/metrics").read().decode()
    found = dict(re.findall(r"^([^# ]+) (\S+)$", lines, re.M))
    return [float(found[name]) for name in _COUNTED]


def measure(model: str, shards: str, last_s: float, num_clients: int, num_hostile: int, *knobs: str) -> dict[str, Any]:
    """All figures of one load; waits in milliseconds."""
    with served(model, *knobs) as address:
        outcome, counted = asyncio.run(press(address, texts_of(shards), num_clients, num_hostile, last_s))
    texts, batches, cpu_s = counted
    waits_ms = (1e3 * np.percentile(outcome.waits_s, (50, 95, 99, 100))).tolist()
    return {
        "requests": len(outcome.waits_s),
        "requests_per_second": len(outcome.waits_s) / last_s,
        **dict(zip(("p50_ms", "p95_ms", "p99_ms", "max_ms"), waits_ms)),
        "errors": dict(outcome.errors),
        "refused": dict(outcome.refused),
        "texts_of_a_batch": texts / batches,
        "server_cores": cpu_s / (_WARM_UP_S + last_s),
    }


def service(options: Options) -> list[Row]:
    """With a model of one epoch on the shards: what it has learnt hardly matters to its speed."""
    with tempfile.TemporaryDirectory() as folder:
        run, exported = f"{folder}/run", f"{folder}/exported"
        job = "job/conll2003.yaml" if read_index(options.shards).vectors else "job/default.yaml"
        # The job first: what comes later counts.
        train = ["ner_dist.train", "--config", job, "--data.shards", os.path.abspath(options.shards), "--run", run]
        train += ["--train.epochs", "1", "--train.score_test", "false"]
        for command in (train, ["ner_dist.export", run, "--onnx", exported]):
            subprocess.run([sys.executable, "-m", *command], capture_output=True, check=True)
        return compare(exported, options)


def compare(model: str, options: Options) -> list[Row]:
    full = measure(model, options.shards, 60.0, 50, _HOSTILE)

    def per_second(size: int) -> float:
        found = measure(model, options.shards, _SHORT_S, 50, 0, "--max-batch", str(size))
        return float(found["requests_per_second"])

    batches, singly = alternate(options.repeats, lambda: per_second(64), lambda: per_second(1))
    num_errors, num_requests = sum(full["errors"].values()), full["requests"]
    name = f"service, 50 clients of 30 tokens and {_HOSTILE} hostile ones, 60 s"
    return [
        row(f"{name}: 99th percentile / aim", full["p99_ms"] / _GOAL_MS, full["p99_ms"], _GOAL_MS, "ms"),
        row(f"{name}: errors / requests", num_errors / num_requests, num_errors, num_requests, "requests"),
        row("service, batches / one text at a time, 50 clients", batches / singly, batches, singly, "requests/s"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.speed.service", epilog="Other options are the service's.")
    parser.add_argument("model", help="of a run, or exported")
    parser.add_argument("shards", help="whose test split the texts come from")
    parser.add_argument("--seconds", type=float, default=60.0, help="of load (60)")
    parser.add_argument("--clients", type=int, default=50, help="that ask, each when it has its answer (50)")
    parser.add_argument("--hostile", type=int, default=_HOSTILE, help=f"that ask for what is refused ({_HOSTILE})")
    given, knobs = parser.parse_known_args()
    print(json.dumps(measure(given.model, given.shards, given.seconds, given.clients, given.hostile, *knobs)))


if __name__ == "__main__":
    main()
