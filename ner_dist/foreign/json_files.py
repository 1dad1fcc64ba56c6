"""JSON files read by the strict schema of a dataclass, and JSON files that contain the checksum of themselves.

A sealed file has the top-level field "sha256": the SHA-256 of the file's bytes with those 64 digits replaced by zeros.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.names import shortened

Kind = TypeVar("Kind")

# Generous for records. Vocabularies of millions of words need more, and their readers say so.
MOST_BYTES = 1 << 26
SEAL = "sha256"
_BLANK = "0" * 64
_DIGEST = re.compile("[0-9a-f]{64}")
# Python refuses longer numbers itself, some versions only after a long time.
_MOST_DIGITS = 40
_MANY_DIGITS = re.compile(rb"[0-9]{%d}" % (_MOST_DIGITS + 1))


def read_json(path: str | os.PathLike[str], kind: type[Kind], most_bytes: int = MOST_BYTES) -> Kind:
    """A file as the dataclass that describes it. Raises ForeignFileError if it is anything else."""
    path = Path(path)
    return parse_json(read_bytes(path, most_bytes), path, kind)


def read_sealed(path: str | os.PathLike[str], kind: type[Kind], most_bytes: int = MOST_BYTES) -> Kind:
    """The same with a seal that fits. The seal is no field of the dataclass."""
    path = Path(path)
    return parse_sealed(read_bytes(path, most_bytes), path, kind)


def parse_json(data: bytes, place: Path | str, kind: type[Kind]) -> Kind:
    """The content of a file, already read, as the dataclass that describes it. Raises ForeignFileError."""
    if not isinstance(record := loads(data, place), dict):
        raise ForeignFileError(f"{place}: {shortened(record)}, expected a JSON object")
    return _validate(data, place, kind)


def parse_sealed(data: bytes, place: Path | str, kind: type[Kind]) -> Kind:
    """The content of a sealed file as the dataclass that describes it. Raises ForeignFileError."""
    record = loads(data, place)
    verify_seal(data, record, place)
    return checked({name: value for name, value in record.items() if name != SEAL}, place, kind)


def checked(record: object, place: Path | str, kind: type[Kind]) -> Kind:
    """A record, read before, as the dataclass that describes it. Raises ForeignFileError."""
    try:
        data = json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
    # Dates, bytes and sets, which YAML has, and numbers that are none.
    except (TypeError, ValueError) as error:
        raise ForeignFileError(f"{place}: {error}") from error
    return _validate(data, place, kind)


def seal(record: dict[str, Any], indent: int | None = 1) -> str:
    """The text of a sealed file with these fields, which ends with a line end. NaN is a ValueError."""
    blank = json.dumps({SEAL: _BLANK, **record}, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    return blank.replace(_BLANK, hashlib.sha256(blank.encode()).hexdigest(), 1)


def verify_seal(data: bytes, record: Any, place: Path | str) -> None:
    """record: what the data says. Raises ForeignFileError if it has no seal, or one that does not fit."""
    stated = record.get(SEAL) if isinstance(record, dict) else None
    if not isinstance(stated, str) or not _DIGEST.fullmatch(stated):
        raise ForeignFileError(f'{place}: has no checksum of itself ("{SEAL}"), so it is damaged or not complete')
    if data.count(stated.encode()) != 1:
        raise ForeignFileError(f'{place}: its own checksum occurs more than once, expected it in "{SEAL}" alone')
    found = hashlib.sha256(data.replace(stated.encode(), _BLANK.encode())).hexdigest()
    if found != stated:
        raise ForeignFileError(
            f"{place}: its own checksum is {found[:12]}..., it states {stated[:12]}...; it is damaged"
        )


def read_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file that is not too large. Raises ForeignFileError."""
    try:
        if path.exists() and not path.is_file():
            raise ForeignFileError(f"{path}: not a file")
        with open(path, "rb") as file:
            # No more than there is: read() allocates what it is asked for.
            data = file.read(min(os.fstat(file.fileno()).st_size, most_bytes) + 1)
    except OSError as error:
        raise ForeignFileError(f"{path}: not readable ({error.strerror or error})") from error
    if len(data) > most_bytes:
        raise ForeignFileError(f"{path}: more than {most_bytes:,} bytes, which is too many for a file of its kind")
    return data


def loads(data: bytes, place: Path | str) -> Any:
    """What strict JSON says: UTF-8, no key twice, no NaN or infinity, not nested endlessly. Raises ForeignFileError."""
    # A call for each number would take as long as everything else.
    parse_int = _short_int if _MANY_DIGITS.search(data) else None
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_distinct, parse_int=parse_int, parse_constant=_no_number
        )
    except RecursionError as error:
        raise ForeignFileError(f"{place}: not readable as JSON (nested too deeply)") from error
    # Among them UnicodeDecodeError, which shows the byte and its position.
    except ValueError as error:
        raise ForeignFileError(f"{place}: not readable as JSON ({error})") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shortened(twice)} occurs twice in an object")
    return record


def _short_int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _validate(data: bytes, place: Path | str, kind: type[Kind]) -> Kind:
    # Late: it takes a tenth of a second.
    from pydantic import ValidationError

    try:
        # JSON is validated as JSON: as Python objects, strictness would want the dataclasses themselves.
        whole: Any = _schema(kind)  # type: ignore[arg-type]
        return whole.model_validate_json(b'{"value":' + data + b"}").value
    except ValidationError as error:
        raise ForeignFileError(f"{place}: {_first_fault(error)}") from error


@functools.lru_cache(maxsize=None)  # noqa: UP033
def _schema(kind: type) -> Any:
    """A pydantic model whose only field is of this kind, so that its strictness holds for all dataclasses inside."""
    from pydantic import create_model

    rules = {"extra": "forbid", "strict": True, "allow_inf_nan": False, "arbitrary_types_allowed": False}
    return create_model("Whole", __config__=rules, value=(kind, ...))  # type: ignore[call-overload]


def _first_fault(error: Any) -> str:
    faults = error.errors(include_url=False, include_context=False)
    fault, more = faults[0], f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
    # The first part is the wrapping of _validate.
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"][1:]).lstrip(".")
    where = shortened(where, 100)[1:-1] if len(where) > 100 else where
    if fault["type"] == "missing":
        return f"the field {where} is missing{more}"
    if fault["type"] == "unexpected_keyword_argument":
        return f"the field {where} is unknown{more}"
    expected = fault["msg"].replace("Input should be ", "")
    expected = re.sub(r"^a valid (?=[aeio])", "an ", expected).replace("valid ", "")
    return f"the field {where} is {shortened(fault['input'])}, expected {expected}{more}"
