"""JSON lines -> documents: a text, tokens, or a text with its tokens, and the values of token features."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ner_dist.errors import UserError
from ner_dist.prediction.documents import Document, document_of_tokens, document_with_tokens
from ner_dist.prediction.input_lines import InputLine

# Of lists and objects in a record.
_MAX_DEPTH = 100


class _Tokens(NamedTuple):
    tokens: list[str]
    # Their first characters in the text, if the record states them.
    starts: list[int] | None


def json_document(
    line: InputLine, name: str, segment: Callable[[str], Document], feature_names: Sequence[str]
) -> Document:
    """{"text": ...}, {"tokens": [...]} or both; other fields are kept for the output. Raises UserError.

    A text is taken as it is; without tokens it is cut by `segment`. Tokens are strings, or objects with "text", "start"
    and "end". feature_names: fields with a value for each token.
    """
    where = f"{name}:{line.number}"
    record = _read(line.text, where)
    text, has_tokens = record.get("text"), isinstance(record.get("tokens"), list)
    if not has_tokens and not isinstance(text, str):
        found = ", ".join(record) or "nothing"
        raise UserError(f'{where}: expected "text", or "tokens", a list of strings, or both, found {found}')
    used = ["text", "tokens", "entities", *(feature_names if has_tokens else ())]
    others = {key: value for key, value in record.items() if key not in used}
    if not has_tokens:
        return segment(str(text))._replace(others=others)
    given = _tokens(record["tokens"], where)
    features = {key: _strings(record[key], key, where) for key in feature_names if key in record}
    try:
        if isinstance(text, str):
            return _with_text(text, given, features)._replace(others=others)
        of_sentences = {key: [values] for key, values in features.items()}
        return document_of_tokens([given.tokens], of_sentences)._replace(others=others)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _read(text: str, where: str) -> dict[str, Any]:
    try:
        record: Any = json.loads(text)
        # Only an escape of JSON can contain a lone surrogate.
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{where}: a lone surrogate (\\ud800 to \\udfff) is not text") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON ({error})") from error
    if not isinstance(record, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(record).__name__}")
    if text.count("[") + text.count("{") > _MAX_DEPTH and _is_deeper(record, _MAX_DEPTH):
        raise UserError(f"{where}: JSON that is nested more than {_MAX_DEPTH} deep")
    return record


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested deeper than this; what is, could be read but not be written again."""
    level = [value]
    for _ in range(depth):
        level = [
            part
            for one in level
            if isinstance(one, (list, dict))
            for part in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return any(isinstance(one, (list, dict)) for one in level)


def _tokens(values: list[Any], where: str) -> _Tokens:
    if not values or not all(isinstance(value, dict) for value in values):
        return _Tokens(_strings(values, "tokens", where), None)
    tokens = _strings([value.get("text") for value in values], "text of tokens", where)
    starts = [value.get("start") for value in values]
    return _Tokens(tokens, starts if all(type(start) is int for start in starts) else None)


def _with_text(text: str, given: _Tokens, features: Mapping[str, list[str]]) -> Document:
    """Tokens at the places that the record states, if they stand there, else where they are found. Raises UserError."""
    if given.starts is not None:
        with contextlib.suppress(UserError):
            return document_with_tokens(text, given.tokens, given.starts, features)
    return document_with_tokens(text, given.tokens, None, features)


def _strings(values: Any, key: str, where: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UserError(f'{where}: "{key}" is not a list of strings')
    return values
