"""Small requests beside a client that sends large ones: how long they wait, and how long without that client.

python -m bench.speed.service_neighbour MODEL SHARDS [options] [options of the service] prints one JSON line. One
service is asked alone and beside each kind of heavy client by turns, so that the machine's other work meets both alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import multiprocessing
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement
from bench.speed.prediction import held_out_tokens, trained_model
from bench.speed.service import ServiceClient, served
from ner_dist.cli.options import make_parser, option, read_options

_TOKENS, _TEXTS = 30, 200
# Between two phases: what the heavy client had asked for last is given up by then.
_REST_S, _WARM_UP_S = 0.5, 0.5
_MOST_RATIO = 2.0


@dataclasses.dataclass(frozen=True)
class NeighbourOptions:
    """Ask a service for small texts, alone and beside a heavy client; options not listed are passed on to it."""

    model: str = option(positional=True, metavar="MODEL")
    """directory of a run or of an exported model"""
    shards: str = option(positional=True, metavar="SHARDS")
    """shard set whose test split the texts come from"""
    seconds: float = 4.0
    """duration of each phase"""
    rounds: int = option(3, least=1)
    """phases of each kind"""
    clients: int = option(1, least=1)
    """clients with small texts, each of which asks again when it has its answer"""
    heavy: int = option(1, least=1)
    """clients with large requests, likewise"""


def heavy_bodies(tokens: list[str]) -> dict[str, bytes]:
    """Requests that cost much, each at the limits of the service."""
    text = " ".join(itertools.islice(itertools.cycle(tokens), 400_000))
    return {
        "a megabyte of texts": json.dumps({"texts": [text[i * 8000 : (i + 1) * 8000] for i in range(125)]}).encode(),
        "one long text": json.dumps({"text": text[:10_000]}).encode(),
        "one endless sentence": json.dumps({"text": "word " * 2000}).encode(),
        "dashes without a space": json.dumps({"text": "—" * 10_000}, ensure_ascii=False).encode(),
        "sentences of tokens": json.dumps({"tokens": [["ab"] * 512] * 128}).encode(),
        "a megabyte that is refused": b'{"texts":[' + b"[]," * 300_000 + b"1]}",
        "more than is read": b" " * (4 << 20),
    }


def _ask_for_ever(address: tuple[str, int], body: bytes) -> None:
    """A heavy client, in a process of its own."""

    async def ask() -> None:
        client = ServiceClient(address)
        while True:
            try:
                await client.ask(body)
            except (OSError, asyncio.IncompleteReadError):
                client.close()

    asyncio.run(ask())


@contextlib.contextmanager
def _pressed(address: tuple[str, int], body: bytes | None, number: int) -> Iterator[None]:
    context = multiprocessing.get_context("fork")
    target = lambda: _ask_for_ever(address, body)  # type: ignore[arg-type]  # noqa: E731
    clients = [context.Process(target=target) for _ in range(number if body else 0)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        for client in clients:
            client.kill()
            client.join()


def _waits_s(address: tuple[str, int], bodies: list[bytes], options: NeighbourOptions) -> list[float]:
    waits_s: list[float] = []
    from_s = time.perf_counter() + _WARM_UP_S

    async def ask(first: int) -> None:
        client = ServiceClient(address)
        for place in itertools.count(first):
            began_s = time.perf_counter()
            if began_s > from_s + options.seconds:
                break
            status, _ = await client.ask(bodies[place % len(bodies)])
            if status != 200:
                raise RuntimeError(f"a small text was answered with status {status}")
            if began_s > from_s:
                waits_s.append(time.perf_counter() - began_s)
        client.close()

    async def ask_all() -> None:
        await asyncio.gather(*(ask(len(bodies) * number // options.clients) for number in range(options.clients)))

    asyncio.run(ask_all())
    return waits_s


def measure(options: NeighbourOptions, *knobs: str) -> dict[str, Any]:
    """Waits in milliseconds, alone and beside each heavy client, and the ratios of their percentiles."""
    tokens = list(itertools.islice(itertools.chain.from_iterable(held_out_tokens(options.shards)), _TOKENS * _TEXTS))
    texts = [" ".join(tokens[first : first + _TOKENS]) for first in range(0, len(tokens) - _TOKENS + 1, _TOKENS)]
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    kinds: dict[str, bytes | None] = {"alone": None, **heavy_bodies(tokens)}
    waits: dict[str, list[float]] = {kind: [] for kind in kinds}
    with served(options.model, *knobs) as (address, _):
        _waits_s(address, bodies, dataclasses.replace(options, seconds=_WARM_UP_S))
        for _ in range(options.rounds):
            for kind, body in kinds.items():
                with _pressed(address, body, options.heavy):
                    waits[kind] += _waits_s(address, bodies, options)
                time.sleep(_REST_S)
    figures: dict[str, Any] = {}
    for kind, waits_s in waits.items():
        p50, p99 = (1e3 * np.percentile(waits_s, (50, 99))).tolist()
        figures[kind] = {"requests": len(waits_s), "p50_ms": round(p50, 2), "p99_ms": round(p99, 2)}
        for name in ("p50", "p99"):
            figures[kind][f"{name}_ratio"] = round(figures[kind][f"{name}_ms"] / figures["alone"][f"{name}_ms"], 2)
    return figures


def service_neighbour(options: BenchOptions) -> Iterator[Measurement]:
    with trained_model(options.shards) as (_, exported):
        figures = measure(NeighbourOptions(exported, options.shards))
    alone = figures.pop("alone")
    for kind, found in figures.items():
        name = f"service, small requests, 99th percentile beside {kind} / {_MOST_RATIO:g} times alone"
        yield Measurement(name, found["p99_ms"], _MOST_RATIO * alone["p99_ms"], "ms")


def main() -> None:
    prog, usage = "python -m bench.speed.service_neighbour", "MODEL SHARDS [options] [options of the service]"
    parser = make_parser(NeighbourOptions, prog, usage=usage, example="exported data/shards --processes 1")
    given, knobs = parser.parse_known_args()
    print(json.dumps(measure(read_options(NeighbourOptions, given), *knobs)))


if __name__ == "__main__":
    main()
