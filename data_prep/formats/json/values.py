"""The JSON values of a file, one after another: one in each line, the elements of an array, or one below the other.

An array is never in memory as a whole, and may also be a field of an object, as in {"version": 1, "data": [...]}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Any, NamedTuple

from data_prep.formats.corpus_format import Sample, Source
from data_prep.formats.json.cursor import JsonCursor
from data_prep.problems import CorpusError
from data_prep.sources.caps import CAPS
from data_prep.sources.source_files import CutAt
from data_prep.sources.text_source import split_lines, whole_lines

# How much is looked at to know how the values are laid out, and how many values to know what they are.
LAYOUT_CHARS, NUM_SAMPLE_VALUES = 1 << 16, 50
# Fields of one object around everything: of what they hold, and of a file for each split.
WRAPPERS = frozenset(("annotations", "data", "docs", "documents", "examples", "items", "records", "rows"))
SPLITS = frozenset(("train", "training", "dev", "valid", "validation", "val", "test"))
# An object that begins with one of these is a record itself.
RECORD_FIELDS = frozenset(("text", "tokens", "words", "tokenized_text"))
# The beginning of an array of objects, and of one of arrays that begin with a text.
_OF_OBJECTS, _OF_TEXTS = re.compile(r"\[\s*\{"), re.compile(r'\[\s*\[\s*"')

_decode = json.JSONDecoder().raw_decode


class Layout(NamedTuple):
    """lines, array, wrapped (an array in an object) or objects (one below the other, of several lines each)."""

    name: str
    # Of a wrapped array: its field.
    field: str = ""

    def __str__(self) -> str:
        """In words, to go before "with 'tokens' and 'tags'"."""
        return {
            "lines": "JSON lines",
            "array": "a JSON array",
            "wrapped": f"the JSON array '{self.field}'",
            "objects": "JSON objects",
        }[self.name]


class JsonSample(NamedTuple):
    """The first values of a file."""

    layout: Layout
    values: tuple[Any, ...]


def _layout(beginning: str) -> Layout | None:
    """None if it does not look like JSON."""
    text = beginning.lstrip()
    if text[:1] not in ("{", "["):
        return None
    first_line, _, rest = text.partition("\n")
    try:
        first = json.loads(first_line)
    except (ValueError, RecursionError):
        first = None
    if text[0] == "[":
        # One record [text, {...}] in each line is not an array of records.
        return Layout("lines" if isinstance(first, list) and first and isinstance(first[0], str) else "array")
    if field := _wrapper(text):
        return Layout("wrapped", field)
    return Layout("objects" if first is None and rest.lstrip().startswith('"') else "lines")


def _begins_records(cursor: JsonCursor, field: str) -> bool:
    """Whether a field's value, which follows, is an array of records."""
    # A task of Label Studio has annotations, too, which are objects.
    of_objects = field != "annotations" and cursor.begins_with(_OF_OBJECTS)
    return field in WRAPPERS | SPLITS and (of_objects or cursor.begins_with(_OF_TEXTS))


def _wrapper(text: str) -> str:
    """The field that holds the records, if the text begins with one object around everything; else ""."""
    cursor = JsonCursor(iter([(1, text)]), CAPS)
    try:
        cursor.skip("{")
        while (field := cursor.field()) not in RECORD_FIELDS:
            if _begins_records(cursor, field):
                return field
            cursor.value()
            cursor.skip(",")
    except ValueError:
        pass
    return ""


def _wrapped(cursor: JsonCursor, path: str) -> Iterator[tuple[int, Any]]:
    """The elements of the array in an object; its other fields are skipped."""
    cursor.skip("{")
    found = ""
    while True:
        field = cursor.field()
        if not _begins_records(cursor, field):
            cursor.value()
        elif field in SPLITS:
            raise CorpusError(
                f"{path}:{cursor.line}: error: the file holds several splits in one object, one of them {field!r}; "
                "write each to a file of its own, and pass these as --train, --dev and --test"
            )
        elif found:
            raise CorpusError(f"{path}:{cursor.line}: error: records in {found!r} and in {field!r}; keep one of them")
        else:
            found = field
            yield from cursor.elements()
        if cursor.skip_space() == "}":
            cursor.skip("}")
            return
        cursor.skip(",")


def _below(cursor: JsonCursor) -> Iterator[tuple[int, Any]]:
    while cursor.skip_space():
        line = cursor.line
        yield line, cursor.value()


def _numbered(elements: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """With their lines; of an array on a line, with the numbers of the elements."""
    lines = []
    for number, (line, value) in enumerate(elements, 1):
        lines.append(line)
        if number == 2:
            break
        # The first one is number 1, and its line hardly another.
        yield line, value
    if len(lines) == 2:
        is_one_line = lines[0] == lines[1]
        yield 2 if is_one_line else lines[1], value
        yield from enumerate((value for _, value in elements), 3) if is_one_line else elements


def parse_line(line: str) -> Any:
    """Raises ValueError that says why the line is not a JSON value."""
    try:
        # Faster than `json.loads`, which looks for white space around the value.
        value, end = _decode(line)
        return value if end == len(line) else json.loads(line)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error


def json_values(source: Source) -> Iterator[tuple[int, Any]]:
    """(line in which it begins, value) of each value; what is not JSON is reported.

    The elements of an array on one line are counted instead. Raises CorpusError for an object of several splits.
    """
    beginning: list[tuple[int, str]] = []
    num_chars = 0
    while num_chars < LAYOUT_CHARS and (piece := next(source.pieces, None)) is not None:
        beginning.append(piece)
        num_chars += len(piece[1])
    # A file of another layout is not cut into pieces.
    is_piece = source.from_beginning is not None
    layout = Layout("lines") if is_piece else _layout("".join(text for _, text in beginning)) or Layout("lines")
    pieces = chain(beginning, source.pieces)
    if layout.name == "lines":
        for first_line, text in whole_lines(pieces, source.path, source.options.caps):
            for number, line in enumerate(split_lines(text), first_line):
                if line and (stripped := line.strip()):
                    if stripped[0] not in "{[" and source.is_invisible(number, stripped):
                        continue
                    try:
                        value = parse_line(stripped)
                    except ValueError as error:
                        source.refuse(number, error, kind="not_json")
                    else:
                        yield number, value
        return
    cursor = JsonCursor(pieces, source.options.caps)
    try:
        if layout.name == "objects":
            yield from _below(cursor)
        else:
            yield from _numbered(cursor.elements() if layout.name == "array" else _wrapped(cursor, source.path))
            if cursor.skip_space():
                raise ValueError("text after the end of the JSON value; expected one value, or one in each line")
    except CorpusError:
        raise
    except ValueError as error:
        # There is no telling where the next value begins.
        source.error(cursor.line, f"{error}; nothing after it was read", "not_json")


def sample_values(sample: Sample) -> JsonSample | None:
    """The first values of a file that looks like JSON; None of any other file.

    Raises CorpusError for an object of several splits.
    """
    return _sample(sample.text, sample.name)


def cut_at_lines(sample: Sample) -> CutAt | None:
    """`Format.cut_at` of a format of JSON."""
    found = sample_values(sample)
    return "lines" if found is not None and found.layout.name == "lines" else None


@lru_cache(maxsize=1)
def _sample(text: str, name: str) -> JsonSample | None:
    layout = _layout(text)
    if layout is None:
        return None
    values: list[Any] = []
    cursor = JsonCursor(iter([(1, text)]), CAPS)
    found: Iterator[tuple[int, Any]]
    if layout.name == "lines":
        for line in islice(filter(str.strip, split_lines(text)), NUM_SAMPLE_VALUES):
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError):
                # Broken, or cut off by the sample's end.
                continue
        return JsonSample(layout, tuple(values))
    if layout.name == "objects":
        found = _below(cursor)
    else:
        found = cursor.elements() if layout.name == "array" else _wrapped(cursor, name)
    try:
        values.extend(value for _, value in islice(found, NUM_SAMPLE_VALUES))
    except CorpusError:
        raise
    except ValueError:
        # Cut off by the sample's end; or the reader will say what is wrong.
        pass
    return JsonSample(layout, tuple(values))
