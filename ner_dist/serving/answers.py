"""A request's body, or lines of a batch -> the JSON of the answer, by a worker in this process."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document
from ner_dist.prediction.thresholds import least_confidences
from ner_dist.serving.batch_lines import Line, read_line
from ner_dist.serving.batching import FAILED, TaggingWorker, log
from ner_dist.serving.request import Asked, Refused, read_request
from ner_dist.serving.settings import Limits

# Reading larger bodies takes milliseconds, in which the event loop would answer nobody.
_READ_AT_ONCE = 4096
# How long a line of a batch waits before it asks a full queue again.
_ASK_AGAIN_S = 0.05


class Answered(NamedTuple):
    content: bytes
    num_texts: int
    num_tokens: int
    num_entities: int


async def answer(body: bytes, worker: TaggingWorker, limits: Limits) -> Answered:
    """Raises Refused. If cancelled, its texts leave the worker's queue."""
    if len(body) <= _READ_AT_ONCE:
        asked = read_request(body, limits, worker.given_features)
    else:
        loop = asyncio.get_running_loop()
        asked = await loop.run_in_executor(None, read_request, body, limits, worker.given_features)
    results, counts = _results(asked, await worker.tag(asked.texts, asked.with_confidence), worker)
    return Answered(_as_json(results[0] if asked.field == "text" else {"results": results}), *counts)


async def answer_lines(first: int, lines: list[bytes], worker: TaggingWorker, limits: Limits) -> Answered:
    """A line of JSON for each line that is not blank, in their order. first: the number of the first of them."""
    numbered = [(number, line) for number, line in enumerate(lines, first) if line.strip()]
    read = [read_line(number, line, limits, worker.given_features) for number, line in numbered]
    answers = await asyncio.gather(*(_answer_line(line, worker, limits) for line in read))
    content = b"".join(_as_json(record) + b"\n" for record, _ in answers)
    return Answered(content, *(sum(counts[place] for _, counts in answers) for place in range(3)))


async def _answer_line(line: Line, worker: TaggingWorker, limits: Limits) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The record of the answer; texts, tokens and entities."""
    try:
        if isinstance(line.asked, Refused):
            raise line.asked
        documents = await _tag_in_turn(line.asked, worker, limits)
        (result,), counts = _results(line.asked, documents, worker)
        return {"id": line.id, **result}, counts
    except Refused as error:
        return {"id": line.id, "error": str(error)}, (0, 0, 0)
    except Exception:
        log.exception("a line of a batch could not be answered")
        return {"id": line.id, "error": FAILED}, (0, 0, 0)


async def _tag_in_turn(asked: Asked, worker: TaggingWorker, limits: Limits) -> list[Document]:
    """Tag when there is room in the queue. Raises Refused."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + limits.timeout_s
    while True:
        try:
            return await worker.tag(asked.texts, asked.with_confidence)
        except Refused as error:
            if error.status != 503 or not worker.alive or loop.time() > until_s:
                raise
        await asyncio.sleep(_ASK_AGAIN_S)


def _results(
    asked: Asked, documents: list[Document], worker: TaggingWorker
) -> tuple[list[dict[str, Any]], tuple[int, int, int]]:
    """The record of each document; texts, tokens and entities of all. Raises Refused."""
    names = ["first_token", "end_token"] if asked.field == "tokens" else ["start", "end"]
    names += ["type", "text", "confidence"]
    least: dict[str, float] = {}
    if asked.threshold is not None:
        try:
            least = least_confidences(asked.threshold, worker.entity_types)
        except UserError as error:
            raise Refused(422, str(error)) from error
    results = []
    for document in documents:
        shown = [entity for entity in document.entities if entity.confidence >= least.get(entity.type, 0)]
        records = [entity.to_record() for entity in shown]
        result: dict[str, Any] = {"entities": [{name: record[name] for name in names} for record in records]}
        results.append({**result, **_certainty(asked, document)} if asked.with_confidence else result)
    num_tokens = sum(document.num_tokens for document in documents)
    return results, (len(documents), num_tokens, sum(len(result["entities"]) for result in results))


def _certainty(asked: Asked, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {"confidence": round(document.confidence, 6), "margin": round(document.margin, 6)}
    if asked.field != "tokens":
        found["sentences"] = [
            {
                "start": sentence.starts[0],
                "end": sentence.ends[-1],
                "confidence": round(sentence.confidence, 6),
                "margin": round(sentence.margin, 6),
            }
            for sentence in document.sentences
            if sentence.tokens
        ]
    return found


def _as_json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
