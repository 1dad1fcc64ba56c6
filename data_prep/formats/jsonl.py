"""Reader of JSON lines: {"tokens", "tags", "pos"}, or {"text", "entities": [[start, end, type], ...]}."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_prep.formats.block import Block, OpenBlock, Rows, TextBlocks, starts_mask
from data_prep.formats.numbering import Strings
from data_prep.formats.text_source import split_lines
from data_prep.problems import Problems

TOKEN_PATTERN = re.compile(r"\S+")


class Sentence(NamedTuple):
    tokens: list[str]
    tags: list[str]
    # None if the record has no parts of speech.
    pos: list[str] | None
    # What had to be mended to read it: names of warnings.
    repairs: list[str]


def _strings(record: dict[str, Any], name: str) -> list[str] | None:
    values = record.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f'"{name}" is not a list of strings')
    return values


def _token_borders(text: str, tokens: list[str] | None) -> list[tuple[int, int]]:
    """Character range of each token in the text; without tokens, those between white space."""
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
    if (
        not isinstance(span, list)
        or len(span) != 3
        or any(not isinstance(part, kind) or isinstance(part, bool) for part, kind in zip(span, (int, int, str)))
    ):
        raise ValueError(f"entity {json.dumps(span)} is not [start, end, type]")
    start, end, entity_type = span
    if not 0 <= start < end <= len(text):
        raise ValueError(f"entity {json.dumps(span)} lies outside the text of {len(text)} characters, or is empty")
    if not entity_type.strip():
        raise ValueError(f"entity {json.dumps(span)} has no type")
    return start, end, entity_type


def _span_tags(text: str, borders: list[tuple[int, int]], entities: Any, repair: bool) -> tuple[list[str], list[str]]:
    """BIO tags of character spans, and the repairs made: misaligned spans widened, later overlapping ones dropped."""
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


def parse_record(line: str, repair: bool) -> Sentence:
    """One line -> one sentence. Raises ValueError saying what is wrong with it."""
    try:
        record = json.loads(line)
    except RecursionError as error:
        raise ValueError("not JSON that can be read: nested too deeply") from error
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
    # Only JSON's \u escapes can smuggle in half a surrogate pair, which is no text.
    if "\\u" in line:
        try:
            "".join([*tokens, *tags, *(pos or [])]).encode()
        except UnicodeEncodeError as error:
            raise ValueError("half a surrogate pair (\\ud800 to \\udfff) is not text") from error
    return Sentence(tokens, tags, pos, repairs)


def read_jsonl(blocks: TextBlocks, path: Path, problems: Problems, strings: Strings, repair: bool) -> Iterator[Block]:
    """Blocks of sentences, one a line; blank lines do not count. Unsound lines are reported and left out."""
    has_pos: bool | None = None
    open_block = OpenBlock(path)
    for first, text in blocks:
        sentences, numbers = [], []
        for number, line in enumerate(split_lines(text), first):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                sentence = parse_record(line, repair)
                if has_pos is not None and has_pos != (sentence.pos is not None):
                    raise ValueError(f'{"no" if has_pos else "has"} "pos", unlike the lines before')
            except ValueError as error:
                problems.error(where, str(error))
                continue
            has_pos = sentence.pos is not None
            for name in sentence.repairs:
                problems.warn(name, where, name.replace("_", " "))
            sentences.append(sentence)
            numbers.append(number)
        open_block.add(_rows(sentences, numbers, strings))
        open_block.end_sentence()
        yield open_block.take()


def _rows(sentences: list[Sentence], numbers: list[int], strings: Strings) -> Rows:
    def flat(lists: Iterable[list[str]]) -> list[str]:
        return list(itertools.chain.from_iterable(lists))

    length_N = np.array([len(sentence.tokens) for sentence in sentences], np.int64)
    return Rows(
        strings.token.numbers(flat(sentence.tokens for sentence in sentences)),
        strings.tag.numbers(flat(sentence.tags for sentence in sentences)),
        strings.pos.numbers(flat(sentence.pos or [] for sentence in sentences)),
        np.repeat(np.array(numbers, np.int64), length_N),
        starts_mask(length_N),
    )
