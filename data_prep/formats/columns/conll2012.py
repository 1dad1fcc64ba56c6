"""CoNLL-2012 (OntoNotes): a token a line, entities as brackets such as (PERSON* ... *), documents with parts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_prep.formats.columns.origins import ColumnOrigins
from data_prep.formats.columns.plan import WholeFileError, fix_features, split_columns
from data_prep.formats.columns.sentence_blocks import ParsedSentence, sentence_blocks
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.problems import Complaint, ComplaintError
from data_prep.sentences.block import SentenceIds
from data_prep.sources.text_source import split_lines
from ner_dist.contract.column_marks import is_blank, read_mark
from ner_dist.contract.visible_text import shown

TOKEN, POS, ENTITY = 3, 4, 10
# The columns after the entities, of predicates, vary in number.
MIN_COLUMNS = 11
_BRACKETS = re.compile(r"(?:\(([^()*\s]+))?\*?(\))?")


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    rows = [split_columns(line) for line in sample.lines if line[0] != "#"]
    if not sample.text.lstrip("\ufeff").startswith("#begin document") or not rows:
        return None
    if any(len(row) < MIN_COLUMNS or not row[2].isdigit() or not _is_brackets(row[ENTITY]) for row in rows[:10]):
        return None
    return "'#begin document' and a column of brackets such as (PERSON*"


def _is_brackets(field: str) -> bool:
    return field != "" and ("*" in field or ")" in field) and _BRACKETS.fullmatch(field) is not None


class _Entities:
    """Brackets -> BIO tags, sentence by sentence."""

    def __init__(self) -> None:
        self.open_type: str | None = None

    def tag(self, field: str) -> str:
        """Raises ValueError if the brackets do not match."""
        match = _BRACKETS.fullmatch(field)
        if not match or not _is_brackets(field):
            raise ValueError(f"{shown(field)} is not an entity bracket, expected *, (TYPE*, *) or (TYPE)")
        opened, closes = match[1], match[2]
        if opened and self.open_type:
            raise ValueError(f"{shown(field)} opens an entity inside another, of type {shown(self.open_type)}")
        entity_type = opened or self.open_type
        if closes and not entity_type:
            raise ValueError(f"{shown(field)} closes an entity that is not open")
        self.open_type = None if closes else entity_type
        return "O" if not entity_type else f"{'B' if opened else 'I'}-{entity_type}"


def _columns(source: Source) -> dict[str, int]:
    """The columns of the token features. Raises WholeFileError if the corpus has others."""
    options = source.options
    try:
        found = {name: int(column) for name, column in options.features}
    except ValueError as error:
        raise WholeFileError("--feature NAME=COLUMN needs the number of a column, as there is no header") from error
    if not found and options.pos_column is not None:
        found["pos"] = POS if options.pos_column == "auto" else int(options.pos_column)
    return fix_features(source, found, auto=options.pos_column == "auto" and not options.features)


def _sentences(source: Source, origins: ColumnOrigins) -> Iterator[ParsedSentence]:
    """A sentence with a mistake is reported and left out."""
    try:
        features = list(_columns(source).values())
    except WholeFileError as error:
        source.problems.error(source.path, str(error), "columns_not_clear")
        return
    token = TOKEN if source.options.token_column is None else source.options.token_column
    tag = ENTITY if source.options.tag_column is None else source.options.tag_column
    document, is_good = 0, True
    entities = _Entities()
    sentence = ParsedSentence([], [], [[] for _ in features], [])
    for first_line, text in source.blocks:
        for number, line in enumerate(split_lines(text), first_line):
            if line.startswith("#") or is_blank(line):
                if entities.open_type and is_good:
                    what = f"the entity of type {shown(entities.open_type)} is not closed in its sentence"
                    source.error(number - 1, what, "malformed_brackets")
                elif sentence.tokens and is_good:
                    yield sentence._replace(document=document)
                sentence = ParsedSentence([], [], [[] for _ in features], [])
                entities, is_good = _Entities(), True
                mark = read_mark(line, number)
                document = origins.begin(mark.name) if mark.kind == "document" else document
                continue
            row = split_columns(line)
            if source.is_invisible(number, line):
                continue
            try:
                if len(row) < MIN_COLUMNS:
                    what = f"the line has {len(row)} columns, expected {MIN_COLUMNS} or more"
                    raise ComplaintError(Complaint("wrong_number_of_columns", what))
                sentence.tags.append(entities.tag(row[tag]))
                for values, column in zip(sentence.features, features):
                    values.append(row[column])
                sentence.tokens.append(row[token])
                sentence.lines.append(number)
            except (ValueError, IndexError) as error:
                if is_good:
                    source.refuse(number, error, kind="malformed_brackets")
                is_good = False
    if sentence.tokens and is_good:
        yield sentence._replace(document=document)


def read(source: Source) -> Iterator[SentenceIds]:
    origins = ColumnOrigins()
    return sentence_blocks(source, _sentences(source, origins), origins)


CONLL2012 = Format(
    name="conll2012",
    description="CoNLL-2012 and OntoNotes: columns with entities as brackets, such as (PERSON* and *), and documents",
    default_encoding="utf-8",
    evidence="'#begin document' and a column of brackets such as (PERSON*",
    recognise=recognise,
    read=read,
    cut_at=lambda sample: "sentences",
)
