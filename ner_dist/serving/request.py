"""A request's body -> the texts it wants tagged; whatever is wrong with it is said in one sentence."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn, Union

from starlette.requests import Request

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, of_tokens
from ner_dist.serving.limits import Limits, Refused

# One text to tag, or one sentence of tokens.
Item = Union[str, Document]

_FIELDS = ("text", "texts", "tokens", "pos")
_EXAMPLE = '{"text": "Angela Merkel visited Paris."}'
_WANTED = f'an object with one of "text", "texts" and "tokens", such as {_EXAMPLE}'
# No character of a text: NUL, and half a surrogate pair, which UTF-8 cannot say.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_NAMES = {dict: "an object", list: "a list", str: "a string", float: "a number", bool: "true or false"}


class Wanted(NamedTuple):
    """What a request asks for: field is text, texts or tokens, and there is an item a text."""

    field: str
    items: list[Item]


def read_request(body: bytes, limits: Limits, needs_pos: bool = False) -> Wanted:
    """needs_pos: whether the model can only tag tokens with parts of speech. Raises Refused."""
    request = _object(body)
    for name in request:
        if name not in _FIELDS:
            # As ASCII, since it may hold what is no text.
            raise Refused(422, f"unknown field {json.dumps(name[:40])}; expected {_WANTED}")
    given = [name for name in ("text", "texts", "tokens") if name in request]
    if len(given) != 1:
        raise Refused(422, f"the request has {' and '.join(given) or 'nothing to tag'}; expected {_WANTED}")
    (field,) = given
    if needs_pos and "pos" not in request:
        raise Refused(422, 'the model was trained with parts of speech; expected "tokens" with "pos"')
    if field != "tokens" and "pos" in request:
        raise Refused(422, f'"pos" belongs to "tokens", and the request has "{field}"')
    if field == "text":
        return Wanted(field, [_text(request["text"], "text", limits)])
    if field == "texts":
        texts = _list(request["texts"], "texts", limits.max_texts, "texts", "--max-texts")
        return Wanted(field, [_text(text, f"texts[{place}]", limits) for place, text in enumerate(texts)])
    return Wanted(field, _sentences(request["tokens"], request.get("pos"), limits))


def _object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object."""
    if not body.strip():
        raise Refused(400, f"the body is empty; expected {_WANTED}")
    try:
        # Numbers are used nowhere; as integers, long ones would take a time that grows with the square of their digits.
        found = json.loads(
            body.decode("utf-8"), parse_int=float, parse_constant=_no_number, object_pairs_hook=_without_doubles
        )
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8 at byte {error.start}; expected JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        what = error.msg[0].lower() + error.msg[1:]
        raise Refused(400, f"the body is not JSON: {what}, line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Refused(400, f"the body is nested too deeply; expected {_WANTED}") from error
    if not isinstance(found, dict):
        raise Refused(422, f"the body is {_name(found)}; expected {_WANTED}")
    return found


def _no_number(name: str) -> NoReturn:
    raise Refused(400, f"the body is not JSON: {name} is no number there")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused(400, "a field of the body is given twice; expected each once")
    return found


def _sentences(tokens: Any, pos: Any, limits: Limits) -> list[Item]:
    sentences = _list(tokens, "tokens", limits.max_texts, "sentences", "--max-texts")
    tags = None if pos is None else _list(pos, "pos", limits.max_texts, "sentences", "--max-texts")
    if tags is not None and len(tags) != len(sentences):
        raise Refused(422, f'"tokens" has {len(sentences)} sentences and "pos" {len(tags)}; expected as many')
    found: list[Item] = []
    for place, sentence in enumerate(sentences):
        where = f"tokens[{place}]"
        words = _strings(sentence, where, limits)
        names = None if tags is None else [_strings(tags[place], f"pos[{place}]", limits)]
        try:
            document = of_tokens([words], names)
        except UserError as error:
            # Its own sentence shows all of the tokens.
            if "" in words:
                raise Refused(422, f"{where}[{words.index('')}] is empty; leave empty tokens out") from error
            num_names = len(names[0]) if names else 0
            raise Refused(
                422, f"{where} has {len(words)} tokens and pos[{place}] {num_names}; expected as many"
            ) from error
        _bound(len(document.text), where, limits)
        found.append(document)
    return found


def _strings(value: Any, where: str, limits: Limits) -> list[str]:
    values = _list(value, where, limits.max_tokens, "tokens", "--max-tokens")
    return [_text(text, f"{where}[{place}]", limits) for place, text in enumerate(values)]


def _list(value: Any, where: str, most: int, what: str, option: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(422, f"{where} is {_name(value)}; expected a list")
    if len(value) > most:
        raise Refused(413, f"{where} has {len(value)} {what}; this server takes at most {most} ({option})")
    return value


def _text(value: Any, where: str, limits: Limits) -> str:
    if not isinstance(value, str):
        raise Refused(422, f"{where} is {_name(value)}; expected a string")
    _bound(len(value), where, limits)
    wrong = _NO_TEXT.search(value)
    if wrong is not None:
        what = "a NUL" if wrong.group() == "\0" else "half a surrogate pair"
        raise Refused(
            422, f"{where} has {what} (U+{ord(wrong.group()):04X}) at character {wrong.start()}; leave it out"
        )
    return value


def _bound(size: int, where: str, limits: Limits) -> None:
    if size > limits.max_characters:
        most = limits.max_characters
        raise Refused(413, f"{where} has {size} characters; this server takes at most {most} (--max-characters)")


def _name(value: Any) -> str:
    return "null" if value is None else _NAMES[type(value)]


# What is read of a body beyond the limit and thrown away: a client that sends all before it listens then still hears
# the refusal, which it would miss if the connection ended before.
_PATIENCE = 4 << 20


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Raises Refused, and starlette's ClientDisconnect if the client goes before it has sent all."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "the body is compressed; expected JSON as it is")
    refused = Refused(413, f"the body is larger than the {max_bytes} bytes this server takes (--max-body)")
    declared = request.headers.get("content-length", "")
    # One that asks before it sends is told before it sends.
    asks = "expect" in request.headers
    if declared.isdecimal() and int(declared[:20]) > max_bytes + (0 if asks else _PATIENCE):
        raise refused
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes + _PATIENCE:
            raise refused
        if size <= max_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > max_bytes:
        raise refused
    return b"".join(chunks)
