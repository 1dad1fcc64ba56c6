"""PubTator: `id|t|title`, `id|a|abstract`, and a line for each mention, with places in title and abstract together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.spans import quoted_span
from data_prep.formats.read_records import reader
from data_prep.sentences.numbers import number_of
from data_prep.sentences.record import Record, Span
from data_prep.sources.text_source import split_lines
from ner_dist.contract.visible_text import shown

PASSAGE = re.compile(r"([^|\t]+)\|([ta])\|(.*)\Z", re.DOTALL)
_NUMBER = re.compile(r"[0-9]+\Z")


class _Passage(NamedTuple):
    number: int
    name: str
    # "t" for title, "a" for abstract.
    kind: str
    text: str


class _Mention(NamedTuple):
    number: int
    name: str
    span: Span
    quoted: str


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    match = PASSAGE.match(sample.lines[0])
    return f"'{match[1]}|t|' before a title" if match and match[2] == "t" else None


def records(source: Source) -> Iterator[Record]:
    passages: list[_Passage] = []
    mentions: list[_Mention] = []
    for first_line, text in source.blocks:
        for number, line in enumerate(split_lines(text), first_line):
            if source.is_invisible(number, line):
                continue
            try:
                found = _parse(number, line)
            except ValueError as error:
                source.refuse(number, error, kind="malformed_line")
                continue
            # A blank line ends a document, and so does another title.
            if found is None if not line.strip() else isinstance(found, _Passage) and found.kind == "t":
                yield from _record(passages, mentions, source)
                passages, mentions = [], []
            if isinstance(found, _Passage):
                passages.append(found)
            elif found is not None:
                mentions.append(found)
    yield from _record(passages, mentions, source)


def _parse(number: int, line: str) -> _Passage | _Mention | None:
    """None for a blank line and for a relation. Raises ValueError for any other line."""
    if not line.strip():
        return None
    if match := PASSAGE.match(line):
        return _Passage(number, match[1].strip(), match[2], match[3])
    name, *parts = line.split("\t")
    if len(parts) >= 4 and _NUMBER.match(parts[0]) and _NUMBER.match(parts[1]):
        return _Mention(number, name.strip(), Span(number_of(parts[0]), number_of(parts[1]), parts[3]), parts[2])
    if len(parts) >= 2 and not _NUMBER.match(parts[0]):
        return None
    raise ValueError(f"expected id, start, end, mention and type between tabs, found {shown(line[:60])}")


def _record(passages: list[_Passage], mentions: list[_Mention], source: Source) -> Iterator[Record]:
    if not passages:
        for mention in mentions[:1]:
            source.error(
                mention.number, "a mention without a title and an abstract before it", "missing_text", mention.name
            )
        return
    number, name, *_ = passages[0]
    # One character stands between title and abstract, whatever it is.
    text, spans = "\n".join(passage.text for passage in passages), []
    is_good = True
    for other_number, other_name, *_ in [*passages, *mentions]:
        if other_name != name:
            what = f"a line of {shown(other_name)} among those of {shown(name)}; is a blank line missing?"
            source.error(other_number, what, "missing_blank_line", other_name)
            is_good = False
    for mention in mentions:
        try:
            spans.append(quoted_span(mention.span, mention.quoted, text))
        except ValueError as error:
            source.refuse(mention.number, error, name)
            is_good = False
    if is_good:
        yield Record(number, text=text, spans=spans, id=name, document=name)


PUBTATOR = Format(
    name="pubtator",
    description="PubTator: id|t|title, id|a|abstract, and mentions between tabs",
    default_encoding="utf-8",
    evidence="a first line id|t|title",
    recognise=recognise,
    read=reader(records),
)
