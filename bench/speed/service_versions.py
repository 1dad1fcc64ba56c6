"""New versions rolled in under 50 clients: how many requests fail, and how many answers mix two models.

python -m bench.speed.service_versions MODEL SHARDS prints one JSON line. The two versions have types of other names, so
each answer shows which one it is of: its header must say the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import re
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.speed.measurement import BenchOptions, Measurement
from bench.speed.prediction import held_out_tokens, trained_model
from bench.speed.service import served
from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.foreign.json_files import SEAL, seal

_TOKENS, _TEXTS = 30, 200
# Of the second version's types.
_PREFIX = "NEW-"
_HEAD = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class VersionsOptions:
    """Roll one version of a model in after another while clients ask, by a link and SIGHUP."""

    model: str = option(positional=True, metavar="MODEL")
    """directory of an exported model"""
    shards: str = option(positional=True, metavar="SHARDS")
    """shard set whose test split the texts come from"""
    versions: int = option(5, least=1)
    """versions that are rolled in"""
    clients: int = option(50, least=1)
    """clients; of ten, one sends texts that the second process tags, and one batches"""


def renamed(model: Path, place: Path) -> None:
    """A copy of an export whose types have other names."""
    shutil.copytree(model, place)
    record = json.loads((place / "tagger.json").read_text(encoding="utf-8"))
    types = [_PREFIX + name for name in record["vocabularies"]["entity_types"]]
    record["vocabularies"]["entity_types"], record["tags"] = types, bilou_tags(types)
    record["origin"]["version"] = "new"
    record.pop(SEAL, None)
    (place / "tagger.json").write_text(seal(record, indent=None), encoding="utf-8")


class _Clients:
    def __init__(self, address: tuple[str, int], tokens: list[str], types: dict[str, set[str]]) -> None:
        """types: of each version, by its checksum."""
        self._address, self._types = address, types
        texts = [" ".join(tokens[first : first + _TOKENS]) for first in range(0, len(tokens), _TOKENS)]
        self._bodies = {
            "small": [json.dumps({"text": text}).encode() for text in texts],
            "large": [json.dumps({"texts": texts[place : place + 20]}).encode() for place in range(len(texts) - 20)],
            "batch": ["\n".join(map(json.dumps, texts)).encode()],
        }
        self.outcomes: Counter[str] = Counter()
        # Answers by version, and how long small ones took.
        self.answers: Counter[str] = Counter()
        self.waits_s: list[float] = []
        self.is_over = False

    async def ask(self, number: int) -> None:
        kind = {8: "large", 9: "batch"}.get(number % 10, "small")
        bodies = self._bodies[kind]
        for place in itertools.count(number):
            if self.is_over:
                return
            began_s = time.perf_counter()
            try:
                head, content = await self._exchange(kind, bodies[place % len(bodies)])
            except (OSError, asyncio.IncompleteReadError) as error:
                self.outcomes[f"failed: {type(error).__name__}"] += 1
                continue
            self.outcomes[self._judged(head, content)] += 1
            if kind == "small":
                self.waits_s.append(time.perf_counter() - began_s)

    async def _exchange(self, kind: str, body: bytes) -> tuple[str, str]:
        """A connection for each request: that the service ends none is another benchmark's matter."""
        reader, writer = await asyncio.open_connection(*self._address)
        path, media_type = ("/batch", "application/x-ndjson") if kind == "batch" else ("/tag", "application/json")
        head = _HEAD.format(path, media_type, len(body)).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
        writer.write(head.encode() + body)
        answer = (await reader.read()).decode()
        writer.close()
        found, _, content = answer.partition("\r\n\r\n")
        return found, content

    def _judged(self, head: str, content: str) -> str:
        """right, mixed or failed."""
        status, model = re.match(r"HTTP/1.1 (\d+)", head), re.search(r"x-model-sha256: (\w+)", head)
        if status is None or status[1] != "200" or model is None or '"error"' in content:
            return f"failed: status {status and status[1]}"
        shown = set(re.findall(r'"type":"([^"]+)"', content))
        if not shown <= self._types[model[1]]:
            return "mixed"
        self.answers[model[1][:8]] += 1
        return "right"


async def _press(clients: _Clients, options: VersionsOptions, places: list[Path], link: Path, process_id: int) -> None:
    asking = [asyncio.ensure_future(clients.ask(number)) for number in range(options.clients)]
    for number in range(options.versions):
        # Long enough for answers of each.
        await asyncio.sleep(2)
        other = link.with_name("next")
        other.symlink_to(places[(number + 1) % 2])
        os.replace(other, link)
        before = dict(clients.answers)
        os.kill(process_id, signal.SIGHUP)
        until_s = time.monotonic() + 120
        names = list(clients._types)
        new = names[(number + 1) % 2][:8]
        while clients.answers[new] < before.get(new, 0) + 100 and time.monotonic() < until_s:
            await asyncio.sleep(0.1)
    clients.is_over = True
    await asyncio.gather(*asking)


def measure(options: VersionsOptions) -> dict[str, Any]:
    """Counts of right, mixed and failed answers, and the waits of small texts in milliseconds."""
    tokens = list(itertools.islice(itertools.chain.from_iterable(held_out_tokens(options.shards)), _TOKENS * _TEXTS))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        places = [Path(options.model).resolve(), Path(folder, "new")]
        renamed(*places)
        types = {}
        for place in places:
            record = json.loads((place / "tagger.json").read_text(encoding="utf-8"))
            types[record[SEAL]] = set(record["vocabularies"]["entity_types"])
        link = Path(folder, "current")
        link.symlink_to(places[0])
        service = stack.enter_context(served(str(link), "--access-log", "off"))
        clients = _Clients(service.address, tokens, types)
        asyncio.run(_press(clients, options, places, link, service.process.pid))
    waits_ms = (1e3 * np.percentile(clients.waits_s, (50, 99, 100))).tolist()
    return {
        "versions": options.versions,
        "outcomes": dict(clients.outcomes),
        "answers": dict(clients.answers),
        **dict(zip(("p50_ms", "p99_ms", "max_ms"), waits_ms)),
    }


def service_versions(options: BenchOptions) -> Iterator[Measurement]:
    with trained_model(options.shards) as (_, exported):
        found = measure(VersionsOptions(exported, options.shards))
    right, total = found["outcomes"].get("right", 0), sum(found["outcomes"].values())
    yield Measurement(f"service, {found['versions']} new versions, 50 clients: right / all", right, total, "answers")


def main() -> None:
    parser = make_parser(
        VersionsOptions,
        "python -m bench.speed.service_versions",
        usage="MODEL SHARDS [options]",
        example="exported data/shards --versions 5",
    )
    print(json.dumps(measure(read_options(VersionsOptions, parser.parse_args()))))


if __name__ == "__main__":
    main()
