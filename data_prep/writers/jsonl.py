"""JSON lines: a sentence of tokens and tags in each, or a text with its entities by characters (--text)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import IO, Any

from data_prep.problems import Problems
from data_prep.sentences.block import TaggedSentences
from data_prep.tags.tag_strings import report_inexpressible, spell_tags
from data_prep.writers.output_format import OutputFormat, WriteOptions, document_names, record_ids, report_types
from data_prep.writers.whole_records import RecordAssembler, WholeRecord


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def named(record: str, document: str) -> dict[str, Any]:
    """The fields "id" and "document", where there is something to say."""
    return {name: value for name, value in (("id", record), ("document", document)) if value}


class _TokenWriter:
    def __init__(self, file: IO[bytes], options: WriteOptions, problems: Problems) -> None:
        self._file, self._options, self._problems = file, options, problems

    def write(self, block: TaggedSentences) -> None:
        options = self._options
        report_types("", block, options.entity_types, self._problems)
        report_inexpressible(block, options.entity_types, options.scheme, self._problems)
        tag_M = spell_tags(block, options.entity_types, options.scheme)
        names = zip(record_ids(block), document_names(block))
        lines = []
        for (record, document), place in zip(names, block.sentence_slices()):
            fields = named(record, document)
            fields.update(tokens=block.text_M[place], tags=tag_M[place])
            fields.update((name, values[place]) for name, values in block.features.items())
            lines.append(to_json(fields) + "\n")
        self._file.write("".join(lines).encode())

    def close(self) -> None:
        pass


class RecordWriter:
    """Writes a JSON value for each record: one below the other, or as the elements of an array."""

    def __init__(
        self,
        file: IO[bytes],
        options: WriteOptions,
        problems: Problems,
        value: Callable[[WholeRecord], object],
        is_array: bool = False,
    ) -> None:
        self._file, self._options, self._problems = file, options, problems
        self._value = value
        self._records = RecordAssembler(options, problems)
        self._begin, self._between, self._end = ("[\n", ",\n", "\n]\n") if is_array else ("", "\n", "\n")
        self._nothing = "[]\n" if is_array else ""
        self._is_first = True

    def write(self, block: TaggedSentences) -> None:
        report_types("", block, self._options.entity_types, self._problems)
        for record in self._records.add(block):
            self._write(record)

    def _write(self, record: WholeRecord) -> None:
        before = self._begin if self._is_first else self._between
        self._is_first = False
        self._file.write((before + to_json(self._value(record))).encode())

    def close(self) -> None:
        for record in self._records.close():
            self._write(record)
        self._file.write((self._nothing if self._is_first else self._end).encode())


def _open_text(file: IO[bytes], options: WriteOptions, problems: Problems) -> RecordWriter:
    def value(record: WholeRecord) -> dict[str, object]:
        fields: dict[str, object] = {**named(record.id, record.document), "text": record.text}
        has_tokens = options.has_own_tokens or not record.has_own_text
        if has_tokens:
            # Tokens with their places may be those of several sentences, others are one.
            is_sentence = len(record.sentence_starts) == 1
            fields["tokens"] = record.tokens if is_sentence else _placed_tokens(record)
        fields["entities"] = [list(span) for span in record.spans]
        if has_tokens:
            fields.update(record.features)
        return fields

    return RecordWriter(file, options, problems, value)


def _placed_tokens(record: WholeRecord) -> list[dict[str, object]]:
    return [
        {"text": token, "start": start, "end": start + len(token)} for token, start in zip(record.tokens, record.starts)
    ]


JSONL = OutputFormat(
    name="jsonl",
    description='{"tokens", "tags"} in each line, with "id", "document" and the lists of token features',
    open=_TokenWriter,
    endings=(".jsonl", ".json"),
    holds_features=None,
    has_tags=True,
)
# With --text.
JSONL_TEXT = OutputFormat(
    name="jsonl",
    description='{"text", "entities": [[start, end, type], ...]} in each line',
    open=_open_text,
    holds_features=None,
    is_text=True,
)
