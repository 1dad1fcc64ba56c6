"""A request's body -> the texts to tag; whatever is wrong with it is refused with one sentence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, Union

from pydantic import ValidationError
from starlette.requests import Request

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, document_of_tokens
from ner_dist.prediction.thresholds import Threshold
from ner_dist.serving.schemas import CHOICES, NUL_OR_SURROGATE, feature_fields, request_models
from ner_dist.serving.settings import Limits

# One text to tag, or one sentence of tokens.
Taggable = Union[str, Document]

EXPECTED = 'an object with one of "text", "texts" and "tokens", for example {"text": "Angela Merkel visited Paris."}'
TYPE_NAMES = {dict: "an object", list: "a list", str: "a string", float: "a number", bool: "true or false"}
TYPE_NAMES.update({int: "a number", type(None): "null"})
# So much of a body is read however much other requests hold, so that large ones cannot keep small ones out.
_ALWAYS_BYTES = 4096
# Before a body that is too large is refused: a client that sends one after another does so twenty times a second.
_PAUSE_S = 0.05


class Refused(UserError):
    """A request that is not served; its text is the sentence that the client is sent."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Pending:
    """The bytes of bodies and answers that are in memory, of all requests together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.num_bytes = 0


class Share:
    """Those of one request."""

    def __init__(self, pending: Pending) -> None:
        self._pending = pending
        self._num_bytes = 0

    def take(self, num_bytes: int) -> None:
        """For a part of a body. Raises Refused if all others hold too much; small bodies always find room."""
        others = self._pending.num_bytes - self._num_bytes
        wanted = self._num_bytes + num_bytes
        # A request that is alone finds room, too, whatever its size.
        if others and wanted > _ALWAYS_BYTES and others + wanted > self._pending.most:
            raise Refused(503, f"the requests at work hold {others} bytes (--max-pending); try again in a second")
        self.add(num_bytes)

    def add(self, num_bytes: int) -> None:
        """For an answer."""
        self._pending.num_bytes += num_bytes
        self._num_bytes += num_bytes

    def release(self) -> None:
        self._pending.num_bytes -= self._num_bytes
        self._num_bytes = 0


async def read_body(request: Request, max_bytes: int, share: Share) -> bytes:
    """Raises Refused, and starlette's ClientDisconnect if the client closes the connection before it has sent all.

    share: takes each part before it is kept.
    """
    kind = request.headers.get("content-type", "")
    # A browser asks the service first before it lets a page of another site send this type, and no other is so safe.
    if kind.partition(";")[0].strip().lower() != "application/json":
        found = json.dumps(kind[:60]) if kind else "missing"
        raise Refused(415, f"the Content-Type is {found}; expected application/json")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "the body is compressed; expected plain JSON")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        await _refuse_large(max_bytes)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            await _refuse_large(max_bytes)
        share.take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


async def _refuse_large(max_bytes: int) -> NoReturn:
    # Each leaves megabytes behind that must be dropped.
    await asyncio.sleep(_PAUSE_S)
    raise Refused(413, f"the body is larger than the {max_bytes} bytes this server takes (--max-body)")


class Asked(NamedTuple):
    """What a request asks for."""

    # Which of text, texts and tokens it has.
    field: str
    texts: list[Taggable]
    # The confidence that entities must have to be shown, as Tagger takes it; None: that of the service.
    threshold: Threshold | None
    # Whether sentences are answered with their confidence.
    with_confidence: bool


def read_request(body: bytes, limits: Limits, needed: Sequence[str] = ()) -> Asked:
    """What a request asks for. Raises Refused.

    needed: token features that must come with the tokens, because the model was trained with them.
    """
    return read_object(parse_object(body), limits, needed)


def read_object(request: dict[str, Any], limits: Limits, needed: Sequence[str] = ()) -> Asked:
    """The same of a body that is parsed already."""
    features = feature_fields(needed)
    models = request_models(limits, features)
    for name in request:
        if name not in (*models, *features, *CHOICES):
            # As ASCII, because it may hold a lone surrogate.
            raise Refused(422, f"unknown field {json.dumps(name[:40])}; expected {EXPECTED}")
    given = [name for name in models if name in request]
    if len(given) != 1:
        raise Refused(422, f"the request has {' and '.join(given) or 'nothing to tag'}; expected {EXPECTED}")
    (field,) = given
    # Null is the same as nothing.
    optional = (*CHOICES, *features) if field == "tokens" else CHOICES
    request = {name: value for name, value in request.items() if value is not None or name not in optional}
    if not set(needed) <= set(request):
        what = f"the token feature{'s' * (len(needed) > 1)} {', '.join(needed)}"
        fields = " and ".join(f'"{name}"' for name in needed)
        raise Refused(422, f'the model was trained with {what}; expected "tokens" with {fields}')
    try:
        values = models[field].model_validate(request).model_dump(by_alias=True)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0]) from None
    choices = values.get("threshold"), bool(values.get("confidence"))
    if field == "tokens":
        documents = _documents(values["tokens"], {name: values[name] for name in features if name in request}, limits)
        return Asked(field, documents, *choices)
    return Asked(field, values["texts"] if field == "texts" else [values["text"]], *choices)


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object."""
    if not body.strip():
        raise Refused(400, f"the body is empty; expected {EXPECTED}")
    # No number is used as an int, of which one of many digits would take time quadratic in them.
    found = parse_json(body, "the body", float)
    if not isinstance(found, dict):
        raise Refused(422, f"the body is {TYPE_NAMES[type(found)]}; expected {EXPECTED}")
    return found


def parse_json(body: bytes, what: str, parse_int: Callable[[str], Any]) -> Any:
    """what: names the body in sentences. Raises Refused."""
    try:
        return json.loads(
            body.decode("utf-8"), parse_int=parse_int, parse_constant=_refuse_constant, object_pairs_hook=_unique_fields
        )
    except UnicodeDecodeError as error:
        raise Refused(400, f"{what} is not UTF-8 at byte {error.start}; expected JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        message = error.msg[0].lower() + error.msg[1:]
        raise Refused(400, f"{what} is not JSON: {message}, line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Refused(400, f"{what} is nested too deeply; expected {EXPECTED}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise Refused(400, f"the body is not JSON: {name} is not a number in JSON")


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused(400, "a field of the body is given twice; expected each once")
    return found


def _refusal(error: Any) -> Refused:
    """The sentence for an error of pydantic."""
    kind, value, (field, *indices) = error["type"], error["input"], error["loc"]
    if field in CHOICES:
        expected = "true or false" if field == "confidence" else "a number from 0 to 1, or one for each type"
        return Refused(422, f'"{field}" is {TYPE_NAMES.get(type(value), "something else")}; expected {expected}')
    where = field + "".join(f"[{index}]" for index in indices)
    if kind == "extra_forbidden":
        return Refused(422, f'"{field}" belongs to "tokens", and the request has no "tokens"')
    if kind == "string_too_long":
        return _too_many(where, len(value), "characters", error["ctx"]["max_length"])
    if kind == "too_long":
        what = "tokens" if indices else "texts" if field == "texts" else "sentences"
        return _too_many(where, len(value), what, error["ctx"]["max_length"])
    if kind == "string_too_short":
        return Refused(422, f"{where} is empty; leave empty tokens out")
    if kind in ("string_type", "list_type"):
        return Refused(422, f"{where} is {TYPE_NAMES[type(value)]}; expected a {kind.split('_')[0]}")
    wrong = NUL_OR_SURROGATE.search(value)
    assert wrong is not None, kind
    what = "a NUL" if wrong.group() == "\0" else "a lone surrogate"
    return Refused(422, f"{where} has {what} (U+{ord(wrong.group()):04X}) at character {wrong.start()}; leave it out")


def _too_many(where: str, found: int, what: str, most: int) -> Refused:
    option = "--max-texts" if what == "sentences" else f"--max-{what}"
    return Refused(413, f"{where} has {found} {what}; this server takes at most {most} ({option})")


def _documents(sentences: list[list[str]], features: dict[str, list[list[str]]], limits: Limits) -> list[Taggable]:
    """A document for each sentence of tokens. Raises Refused."""
    same = "expected the same number"
    for name, values in features.items():
        if len(values) != len(sentences):
            raise Refused(422, f'"tokens" has {len(sentences)} sentences and "{name}" {len(values)}; {same}')
        for i, tokens in enumerate(sentences):
            if len(values[i]) != len(tokens):
                raise Refused(422, f"tokens[{i}] has {len(tokens)} tokens and {name}[{i}] {len(values[i])}; {same}")
    documents: list[Taggable] = []
    for i, tokens in enumerate(sentences):
        document = document_of_tokens([tokens], {name: [values[i]] for name, values in features.items()})
        if len(document.text) > limits.max_characters:
            raise _too_many(f"tokens[{i}]", len(document.text), "characters", limits.max_characters)
        documents.append(document)
    return documents
