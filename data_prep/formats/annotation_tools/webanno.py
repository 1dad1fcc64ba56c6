"""WebAnno's and INCEpTION's TSV 3: sentences of tokens with places, and a column for each feature of each layer.

A file is a document. https://inception-project.github.io/releases/36.0/docs/user-guide.html#sect_formats_webannotsv3
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import NamedTuple

from data_prep.cutting.gold import empty_record
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.formats.json.records import search
from data_prep.formats.json.spans import utf16_places
from data_prep.formats.read_records import reader
from data_prep.problems import Complaint, ComplaintError, CorpusError
from data_prep.sentences.numbers import number_of
from data_prep.sentences.record import Record, Span
from data_prep.sources.text_source import split_lines
from ner_dist.contract.visible_text import shown

MARK = "#FORMAT=WebAnno TSV 3"
# Sentence and token, a part of a token, places; then the token, and a column for each feature.
ROW = re.compile(r"([0-9]+)-([0-9]+)((?:\.[0-9]+)*)\t([0-9]+)-([0-9]+)\t([^\t]*)(?:\t(.*))?\Z", re.DOTALL)
FIRST_COLUMN = 3
# Spans that are not entities.
OTHER_LAYERS = ("POS", "Lemma", "MorphologicalFeatures", "Stem", "SurfaceForm", "SofaChangeAnnotation")
# Features with the type of an entity, if a layer has several.
TYPES = ("value", "label", "type", "entity", "category", "tag", "class")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_BETWEEN = re.compile(r"(?<!\\)\|")
_NUMBERED = re.compile(r"(.*?)(?:\[([0-9]+)\])?\Z", re.DOTALL)


class _Column(NamedTuple):
    """A feature of a layer of spans."""

    place: int
    layer: str
    # "" if the layer has none: its spans all are of one type.
    feature: str

    @property
    def name(self) -> str:
        return f"{self.layer.rpartition('.')[2]}.{self.feature}" if self.feature else self.layer.rpartition(".")[2]


class _Row(NamedTuple):
    number: int
    # Whether it is a part of a token.
    is_part: bool
    begin: int
    end: int
    token: str
    # (type, number that is the same in all rows of the entity, or "")
    entities: list[tuple[str, str]]


class _Sentence(NamedTuple):
    number: int
    name: str
    lines: list[str]
    rows: list[_Row]


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    return f"a first line {sample.lines[0].strip()!r}" if sample.lines[0].lstrip("\ufeff").startswith(MARK) else None


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _CONTROLS.get(match[1], match[1]), text)


def _columns(header: list[str]) -> list[_Column]:
    """The features of layers of spans; those of chains and relations take columns, too."""
    found = []
    place = FIRST_COLUMN
    for line in header:
        kind, _, rest = line.partition("=")
        layer, *features = rest.strip().split("|")
        for feature in features or [""]:
            if kind == "#T_SP" and not feature.startswith("ROLE_"):
                found.append(_Column(place, layer, feature))
            place += 1
    return found


def _choose(header: list[str], options: ReadOptions, path: str) -> _Column:
    """The column of the entities' types. Raises CorpusError if it is not certain."""
    columns = _columns(header)
    names = ", ".join(f"{column.name} ({column.place})" for column in columns) or "none"
    if options.tag_column is not None:
        chosen = [column for column in columns if column.place == options.tag_column]
        if not chosen:
            raise CorpusError(f"{path}: --tag-column {options.tag_column} is no feature of spans; there are {names}")
        return chosen[0]
    wanted = next(
        (name for role, name in options.columns if role in ("tag", "tags", "span", "spans", "entities")), None
    )
    if wanted is not None:
        columns = [c for c in columns if wanted in (c.name, c.feature, c.layer, c.layer.rpartition(".")[2])]
    else:
        entities = [column for column in columns if column.layer.endswith(".NamedEntity")]
        columns = entities or [c for c in columns if c.layer.rpartition(".")[2] not in OTHER_LAYERS]
    types = [column for column in columns if column.feature in TYPES]
    chosen = types if len(columns) > 1 and len(types) == 1 else columns
    if len(chosen) != 1:
        example = f"--columns tag={chosen[0].name}" if chosen else "--columns tag=NAME"
        raise CorpusError(f"{path}: the types of the entities may be in one of {names}; choose with {example}")
    return chosen[0]


def records(source: Source) -> Iterator[Record]:
    header: list[str] = []
    column: _Column | None = None
    waiting: list[_Sentence] = []
    sentence = _Sentence(0, "", [], [])
    name = ""
    for first_line, text in source.blocks:
        for number, line in enumerate(split_lines(text), first_line):
            if line.startswith("#T_"):
                header.append(line)
            elif line.startswith("#Sentence.id="):
                name = line.partition("=")[2]
            elif sentence.rows and (not line.strip() or line.startswith("#Text=")):
                yield from _flush(waiting, sentence, source)
                sentence = _Sentence(0, "", [], [])
            if line.startswith("#Text="):
                if not sentence.lines:
                    sentence, name = _Sentence(number, name, [], []), ""
                sentence.lines.append(_unescape(line.partition("=")[2]))
            elif line.strip() and not line.lstrip("\ufeff").startswith("#") and not source.is_invisible(number, line):
                try:
                    if column is None:
                        column = _choose(header, source.options, source.path)
                    sentence.rows.append(_row(number, line, column, source))
                except CorpusError:
                    raise
                except ValueError as error:
                    source.refuse(number, error, kind="malformed_record")
    yield from _flush(waiting, sentence, source)
    yield from _flush(waiting, None, source)


def _row(number: int, line: str, column: _Column, source: Source) -> _Row:
    """Raises ValueError."""
    match = ROW.match(line)
    if match is None:
        raise ValueError(f"expected sentence-token, begin-end and a token between tabs, found {shown(line[:60])}")
    cells = match[7].split("\t") if match[7] is not None else []
    place = column.place - FIRST_COLUMN
    if place >= len(cells):
        raise ValueError(
            f"the line has {FIRST_COLUMN + len(cells)} columns, too few for {column.name} ({column.place})"
        )
    entities = []
    for part in _BETWEEN.split(cells[place]) if cells[place] not in ("_", "") else []:
        numbered = _NUMBERED.match(part)
        assert numbered is not None
        entity_type, entity = _unescape(numbered[1]), numbered[2] or ""
        if numbered[1] == "*":
            # An entity whose type was not chosen.
            entity_type = "" if column.feature else column.name
        if entity_type:
            entities.append((entity_type, entity))
        elif source.options.policies.on_broken == "repair":
            where = f"{source.path}:{number}"
            source.problems.warn("entities_without_type_dropped", where, "an entity without a type was dropped")
        else:
            what = "an entity without a type (*); choose one, or drop it with --on-broken repair"
            raise ComplaintError(Complaint("entity_without_type", what))
    return _Row(number, bool(match[3]), number_of(match[4]), number_of(match[5]), match[6], entities)


def _flush(waiting: list[_Sentence], sentence: _Sentence | None, source: Source) -> Iterator[Record]:
    """Yield the sentences that wait, unless an entity of theirs goes on in this one, which then waits, too."""
    if sentence is not None and not sentence.rows:
        return
    open_ids = {entity for some in waiting for row in some.rows for _, entity in row.entities if entity}
    if waiting and (
        sentence is None or not any(entity in open_ids for row in sentence.rows for _, entity in row.entities)
    ):
        try:
            yield _record(waiting, PurePath(source.path).stem)
        except ValueError as error:
            document = PurePath(source.path).stem
            source.refuse(waiting[0].number or waiting[0].rows[0].number, error, document, "malformed_record")
        waiting.clear()
    if sentence is not None:
        waiting.append(sentence)


def _record(sentences: list[_Sentence], document: str) -> Record:
    """Sentences as one record. Raises ValueError if the tokens are not in the text."""
    rows = [row for sentence in sentences for row in sentence.rows]
    tokens = [row for row in rows if not row.is_part]
    if not tokens:
        raise empty_record("a sentence without tokens")
    words = [_unescape(row.token) for row in tokens]
    # Several lines #Text= are lines of the text.
    text = "\n".join(line for sentence in sentences for line in sentence.lines) or " ".join(words)
    # The format counts UTF-16 units from the document's beginning.
    to_chars, first = utf16_places(text), tokens[0].begin
    starts = [to_chars(row.begin - first) for row in tokens]
    places = dict(zip((row.begin for row in tokens), starts))
    if len(sentences) > 1 or any(not text.startswith(word, start) for word, start in zip(words, starts)):
        starts = search(words, text)
        places = dict(zip((row.begin for row in tokens), starts))
    found: dict[tuple[str, str], Span] = {}
    spans = []
    token_begin, token_end = first, tokens[0].end
    for row in rows:
        if not row.is_part:
            token_begin, token_end = row.begin, row.end
        if not token_begin <= row.begin < row.end <= token_end:
            raise ValueError(f"line {row.number}: characters {row.begin}-{row.end} are not inside of their token")
        start = places[token_begin]
        unit_places = utf16_places(text[start : start + token_end - token_begin])
        begin, end = start + unit_places(row.begin - token_begin), start + unit_places(row.end - token_begin)
        for entity_type, entity in row.entities:
            span = Span(begin, end, entity_type)
            if not entity:
                spans.append(span)
            else:
                before = found.get((entity_type, entity), span)
                found[entity_type, entity] = before._replace(start=min(before.start, begin), end=max(before.end, end))
    return Record(
        sentences[0].number or rows[0].number,
        words,
        None,
        text,
        [*spans, *found.values()],
        starts,
        id=sentences[0].name,
        document=document,
    )


WEBANNO = Format(
    name="webanno",
    description="TSV 3 of WebAnno and INCEpTION; --columns tag=LAYER.FEATURE if several can be the entities",
    default_encoding="utf-8",
    evidence="a first line #FORMAT=WebAnno TSV 3",
    recognise=recognise,
    read=reader(records),
)
