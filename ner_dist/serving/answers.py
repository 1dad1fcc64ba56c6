"""A request's body -> the JSON of its answer, by a worker in this process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ner_dist.prediction.documents import Document
from ner_dist.serving.batching import TaggingWorker
from ner_dist.serving.request import read_request
from ner_dist.serving.settings import Limits

# Reading larger bodies takes milliseconds, in which the event loop would answer nobody.
_READ_AT_ONCE = 4096


async def answer(body: bytes, worker: TaggingWorker, limits: Limits) -> bytes:
    """Raises Refused. If cancelled, its texts leave the worker's queue."""
    if len(body) <= _READ_AT_ONCE:
        field, texts = read_request(body, limits, worker.given_features)
    else:
        loop = asyncio.get_running_loop()
        field, texts = await loop.run_in_executor(None, read_request, body, limits, worker.given_features)
    return _as_json(field, await worker.tag(texts))


def _as_json(field: str, documents: list[Document]) -> bytes:
    names = ["first_token", "end_token"] if field == "tokens" else ["start", "end"]
    names += ["type", "text", "confidence"]
    records = [[entity.to_record() for entity in document.entities] for document in documents]
    results = [{"entities": [{name: record[name] for name in names} for record in found]} for found in records]
    found: dict[str, Any] = results[0] if field == "text" else {"results": results}
    return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
