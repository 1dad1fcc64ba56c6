"""A line of a batch -> what it asks for: a JSON string, or an object with "text" or "tokens", and perhaps an "id"."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ner_dist.serving.request import TYPE_NAMES, Asked, Refused, parse_json, read_object
from ner_dist.serving.schemas import NUL_OR_SURROGATE, feature_fields
from ner_dist.serving.settings import Limits

_EXPECTED = 'a text as a JSON string, or an object with "text" or "tokens"'
_MOST_ID = 1000


class Line(NamedTuple):
    # Its own, or its number.
    id: Any
    asked: Asked | Refused


def read_line(number: int, line: bytes, limits: Limits, needed: Sequence[str] = ()) -> Line:
    """A line that asks for nothing that can be tagged has the refusal instead, and as much of its id as is known."""
    known: Any = number
    try:
        if len(line) > limits.max_body:
            raise Refused(413, f"the line is longer than the {limits.max_body} bytes this server takes (--max-body)")
        found = parse_json(line, "the line", _integer)
        if isinstance(found, str):
            found = {"text": found}
        if not isinstance(found, dict):
            raise Refused(422, f"the line is {TYPE_NAMES[type(found)]}; expected {_EXPECTED}")
        if found.get("id") is not None:
            known = _checked_id(found["id"])
        record = {name: value for name, value in found.items() if name != "id"}
        if ("text" in record) == ("tokens" in record) or "texts" in record:
            raise Refused(422, f"the line has {_shown(record)}; expected {_EXPECTED}")
        if "tokens" in record:
            for name in ("tokens", *feature_fields(needed)):
                if record.get(name) is not None:
                    record[name] = [record[name]]
        return Line(known, read_object(record, limits, needed))
    except Refused as error:
        return Line(known, error)


def id_of(number: int, line: bytes) -> Any:
    """Of a line that was never answered."""
    return read_line(number, line, Limits()).id


def _checked_id(found: Any) -> Any:
    """A scalar that JSON can say again."""
    if isinstance(found, (dict, list)):
        raise Refused(422, f'"id" is {TYPE_NAMES[type(found)]}; expected a string or a number')
    if isinstance(found, str) and (len(found) > _MOST_ID or NUL_OR_SURROGATE.search(found)):
        raise Refused(422, f'"id" is longer than {_MOST_ID} characters, or has a NUL or a lone surrogate')
    if isinstance(found, float) and not math.isfinite(found):
        raise Refused(422, '"id" is too large for a number')
    return found


def _integer(digits: str) -> int | float:
    """An id stays what it is; a number of many digits would take time quadratic in them."""
    return int(digits) if len(digits) < 40 else float(digits)


def _shown(record: dict[str, Any]) -> str:
    return json.dumps(sorted(record))[:60] if record else "nothing to tag"
