"""GermEval 2014: number, token, outer tag, inner tag; a line '#', source, [date] before each sentence."""

from __future__ import annotations

from collections.abc import Iterator

from data_prep.formats.columns.find_columns import find_columns
from data_prep.formats.columns.judge_column import ColumnSample, looks_like_tags, only_counts_up
from data_prep.formats.columns.plan import SAMPLE_CHARS, ColumnPlan, RowSample, choice_of, fix_features, sample_rows
from data_prep.formats.columns.read_columns import read_columns
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.sentences.block import SentenceIds
from ner_dist.contract.column_marks import Mark, read_mark

NUMBER, TOKEN, OUTER, INNER = range(4)
NUM_COLUMNS = 4


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    if not any(line.count("\t") == NUM_COLUMNS - 1 and line[0].isdigit() for line in sample.lines):
        return None
    rows, opens, _ = sample_rows(sample.text[:SAMPLE_CHARS])
    even = [(row, first) for row, first in zip(rows, opens) if len(row) == NUM_COLUMNS]
    if not even or len(even) < len(rows) - 1:
        return None
    number, _, outer, inner = (
        ColumnSample([row[i] for row, _ in even], [first for _, first in even]) for i in range(NUM_COLUMNS)
    )
    if not (only_counts_up(number) and looks_like_tags(outer) and looks_like_tags(inner)):
        return None
    return "lines of a number, a token and two tags"


def _read_mark(line: str, number: int) -> Mark:
    """'#', the source of the sentence and its date, separated by tabs: names the sentence, not a document."""
    parts = line.split("\t")
    return Mark(number, "record", " ".join(parts[1:])) if len(parts) > 1 else read_mark(line, number)


def _plan(sample: RowSample, source: Source) -> ColumnPlan:
    choice = choice_of(source.options)
    fixed = choice._replace(
        token=TOKEN if choice.token is None else choice.token, tag=OUTER if choice.tag is None else choice.tag
    )
    found = find_columns(sample.rows, sample.opens, fixed)
    for name, what in found.warnings:
        source.problems.warn(name, source.path, what)
    if choice.tag is None and any(row[INNER] != "O" for row in sample.rows if len(row) == NUM_COLUMNS):
        what = f"of two layers of entities the outer one, column {OUTER}, is read"
        what = f"{what}; --tag-column {INNER} reads the inner one"
        source.problems.warn("tag_columns", source.path, what)
    features = fix_features(source, found.features, auto=choice.pos == "auto" and not choice.features)
    return ColumnPlan(found.num_columns, found.token, found.tag, features, read_mark=_read_mark)


def read(source: Source) -> Iterator[SentenceIds]:
    return read_columns(source, _plan)


GERMEVAL = Format(
    name="germeval",
    description="GermEval 2014: number, token, outer and inner tag; --tag-column 3 reads the inner layer",
    default_encoding="utf-8",
    evidence="lines of a number, a token and two tags",
    recognise=recognise,
    read=read,
    cut_at=lambda sample: "sentences",
)
