"""MultiCoNER: '# id NAME domain=...' before each sentence, then token, two columns of nothing, tag."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_prep.formats.columns.find_columns import find_columns
from data_prep.formats.columns.judge_column import ColumnSample, looks_like_tags
from data_prep.formats.columns.plan import SAMPLE_CHARS, ColumnPlan, RowSample, choice_of, fix_features, sample_rows
from data_prep.formats.columns.read_columns import read_columns
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.sentences.block import SentenceIds

_HEADER = re.compile(r"# id \S+\s+domain=\S*")
NOTHING = "_"


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    if not _HEADER.match(sample.lines[0]):
        return None
    even = [row for row in sample_rows(sample.text[:SAMPLE_CHARS]).rows if len(row) == 4]
    if not even or any(row[1] != NOTHING or row[2] != NOTHING for row in even):
        return None
    tags = ColumnSample([row[3] for row in even], [False] * len(even))
    return "'# id' lines with a domain" if looks_like_tags(tags) else None


def _plan(sample: RowSample, source: Source) -> ColumnPlan:
    choice = choice_of(source.options)
    found = find_columns(sample.rows, sample.opens, choice._replace(pos=None if choice.pos == "auto" else choice.pos))
    for name, what in found.warnings:
        source.problems.warn(name, source.path, what)
    features = fix_features(source, found.features, auto=False)
    return ColumnPlan(found.num_columns, found.token, found.tag, features)


def read(source: Source) -> Iterator[SentenceIds]:
    return read_columns(source, _plan)


MULTICONER = Format(
    name="multiconer",
    description="MultiCoNER: '# id' lines with a domain, then lines of token _ _ tag",
    default_encoding="utf-8",
    evidence="'# id' lines with a domain",
    recognise=recognise,
    read=read,
    cut_at=lambda sample: "sentences",
)
