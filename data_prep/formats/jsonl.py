"""JSON lines: {"tokens", "tags", "pos"} or {"text", "entities": [[start, end, type], ...]}, one sentence per line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from data_prep.formats.block import SentenceAssembler, SentenceIds, TaggedSentences, starts_mask
from data_prep.formats.corpus_format import Format, ReadOptions, Source, WriteOptions, report_separators
from data_prep.formats.tag_strings import spell_tags
from data_prep.formats.text_source import split_lines
from data_prep.problems import Problems
from ner_dist.contract import tag_schemes

TOKEN_PATTERN = re.compile(r"\S+")


def recognise(lines: list[str], options: ReadOptions) -> bool:
    # The line may be cut off or broken; its beginning is enough.
    if lines[0].lstrip().startswith("{") and ('"tokens"' in lines[0] or '"text"' in lines[0]):
        return True
    try:
        return isinstance(json.loads(lines[0]), dict)
    except ValueError:
        return False


def _strings(record: dict[str, Any], name: str) -> list[str] | None:
    values = record.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f'"{name}" is not a list of strings')
    return values


def _token_borders(text: str, tokens: list[str] | None) -> list[tuple[int, int]]:
    """Character range of each token in the text; without tokens, of each run of characters that are not whitespace."""
    if tokens is None:
        return [match.span() for match in TOKEN_PATTERN.finditer(text)]
    borders, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:
            raise ValueError(f'token {token!r} does not occur in "text" after character {end}')
        end = start + len(token)
        borders.append((start, end))
    return borders


def _check_span(span: Any, text: str) -> tuple[int, int, str]:
    if not isinstance(span, list) or [type(part) for part in span] != [int, int, str]:
        raise ValueError(f"entity {json.dumps(span)} is not [start, end, type]")
    start, end, entity_type = span
    if not 0 <= start < end <= len(text):
        raise ValueError(f"entity {json.dumps(span)} lies outside the text of {len(text)} characters, or is empty")
    if not entity_type.strip():
        raise ValueError(f"entity {json.dumps(span)} has no type")
    return start, end, entity_type


def _span_tags(text: str, borders: list[tuple[int, int]], entities: Any, repair: bool) -> tuple[list[str], list[str]]:
    """BIO tags of character spans, and the repairs: misaligned spans widened, later overlapping spans dropped."""
    if not isinstance(entities, list):
        raise ValueError('"entities" is not a list of [start, end, type]')
    tags, repairs = ["O"] * len(borders), []
    for start, end, entity_type in sorted(_check_span(span, text) for span in entities):
        inside = [i for i, (left, right) in enumerate(borders) if left < end and start < right]
        shown = f"entity {text[start:end]!r} [{start}, {end}, {entity_type}]"
        if not inside or (borders[inside[0]][0], borders[inside[-1]][1]) != (start, end):
            if not repair:
                raise ValueError(f"{shown} does not begin and end at token borders (--on-broken repair widens it)")
            repairs.append("misaligned_entities_widened" if inside else "entities_without_token_dropped")
        if any(tags[i] != "O" for i in inside):
            if not repair:
                raise ValueError(f"{shown} overlaps another entity (--on-broken repair drops the later one)")
            repairs.append("overlapping_entities_dropped")
            continue
        for i in inside:
            tags[i] = f"{'B' if i == inside[0] else 'I'}-{entity_type}"
    return tags, repairs


def _parse_record(line: str, repair: bool) -> tuple[list[str], list[str], list[str] | None, list[str]]:
    """Tokens, tags, parts of speech if there are any, and the names of the warnings of what had to be repaired.

    Raises ValueError that says what is wrong with the line.
    """
    try:
        record = json.loads(line)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    tokens, tags, pos = _strings(record, "tokens"), _strings(record, "tags"), _strings(record, "pos")
    repairs: list[str] = []
    if tags is None:
        text = record.get("text")
        if not isinstance(text, str) or "entities" not in record:
            raise ValueError('expected "tokens" and "tags", or "text" and "entities"')
        borders = _token_borders(text, tokens)
        tags, repairs = _span_tags(text, borders, record["entities"], repair)
        tokens = tokens if tokens is not None else [text[start:end] for start, end in borders]
    if tokens is None:
        raise ValueError('"tags" without "tokens"')
    for name, values in (("tags", tags), ("pos", pos)):
        if values is not None and len(values) != len(tokens):
            raise ValueError(f'{len(tokens)} "tokens" but {len(values)} "{name}"')
    if not tokens:
        raise ValueError("a sentence without tokens")
    # Only JSON's \u escapes can produce half a surrogate pair, which is not valid text.
    if "\\u" in line:
        try:
            "".join([*tokens, *tags, *(pos or [])]).encode()
        except UnicodeEncodeError as error:
            raise ValueError("half a surrogate pair (\\ud800 to \\udfff) is not text") from error
    return tokens, tags, pos, repairs


def read(source: Source) -> Iterator[SentenceIds]:
    has_pos: bool | None = None
    assembler = SentenceAssembler(source.path)
    for first_line, text in source.blocks:
        token_M: list[str] = []
        tag_M: list[str] = []
        pos_M: list[str] = []
        lengths, numbers = [], []
        for number, line in enumerate(split_lines(text), first_line):
            if not line.strip():
                continue
            try:
                tokens, tags, pos, repairs = _parse_record(line, source.options.repair)
                if has_pos is not None and has_pos != (pos is not None):
                    raise ValueError(f'{"no" if has_pos else "has"} "pos", unlike the lines before')
            except ValueError as error:
                source.error(number, str(error))
                continue
            has_pos = pos is not None
            for name in repairs:
                source.problems.warn(name, f"{source.path}:{number}", name.replace("_", " "))
            token_M += tokens
            tag_M += tags
            pos_M += pos or []
            lengths.append(len(tokens))
            numbers.append(number)
        length_N = np.array(lengths, np.int64)
        assembler.add(
            source.strings.token.ids(token_M),
            source.strings.tag.ids(tag_M),
            source.strings.pos.ids(pos_M),
            np.repeat(np.array(numbers, np.int64), length_N),
            starts_mask(length_N),
        )
        assembler.end_sentence()
        yield assembler.take()


def _entities(block: TaggedSentences, entity_types: list[str]) -> list[list[list[int | str]]]:
    """[begin, end, type] of each sentence's entities: characters of its text, tokens joined by single spaces."""
    starts_M = starts_mask(block.length_N)
    chars_M = np.fromiter(map(len, block.text_M), np.int64, len(block.text_M))
    begin_M = np.cumsum(chars_M + 1) - chars_M - 1
    begin_M -= np.repeat(begin_M[starts_M], block.length_N)
    found = tag_schemes.entity_spans(*tag_schemes.split_ids(block.tag_M), starts_M)
    sentence_E = np.cumsum(starts_M)[found.start_E] - 1
    last_E = found.end_E - 1
    columns = (sentence_E, begin_M[found.start_E], begin_M[last_E] + chars_M[last_E], found.type_E)
    entities: list[list[list[int | str]]] = [[] for _ in block.length_N]
    for sentence, begin, end, type_id in zip(*(column.tolist() for column in columns)):
        entities[sentence].append([begin, end, entity_types[type_id]])
    return entities


def write(block: TaggedSentences, num_before: int, options: WriteOptions, problems: Problems) -> str:
    """Tokens, tags and parts of speech; with `as_text` text, tokens, entity spans and parts of speech."""
    report_separators("", block, options.entity_types, problems)
    if options.as_text:
        entities = _entities(block, options.entity_types)
    else:
        tag_M = spell_tags(block, options.entity_types, options.scheme)
    lines = []
    for number, place in enumerate(block.sentence_slices()):
        texts = block.text_M[place]
        record: dict[str, object] = {"text": " ".join(texts)} if options.as_text else {}
        record["tokens"] = texts
        record.update({"entities": entities[number]} if options.as_text else {"tags": tag_M[place]})
        if block.pos_M:
            record["pos"] = block.pos_M[place]
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    return "".join(lines)


JSONL = Format(
    name="jsonl",
    description='{"tokens", "tags", "pos"} or {"text", "entities": [[start, end, type], ...]} per line '
    "(entities are read as BIO)",
    default_encoding="utf-8",
    evidence="JSON objects",
    recognise=recognise,
    read=read,
    write=write,
    endings=(".jsonl", ".json"),
    writes_spans=True,
)
