"""Reads lines of columns: one token a line, blank lines between sentences, marks of documents and comments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from data_prep.formats.columns.endless_sentence import unless_endless
from data_prep.formats.columns.find_columns import SAMPLE_ROWS
from data_prep.formats.columns.marks import MarkFinder
from data_prep.formats.columns.origins import ColumnOrigins
from data_prep.formats.columns.parse_columns import ParsedColumns
from data_prep.formats.columns.plan import ColumnPlan, RowSample, WholeFileError, sample_rows
from data_prep.formats.columns.rows import parse_at_once, rows_at_once, rows_one_by_one, token_rows
from data_prep.formats.corpus_format import Source
from data_prep.sentences.block import SentenceAssembler, SentenceIds
from data_prep.threads import ahead
from ner_dist.contract.column_marks import Mark

# How to read a file, by its first rows. Raises ValueError if it cannot be read as it is.
MakePlan = Callable[[RowSample, Source], ColumnPlan]


class _Block(NamedTuple):
    first_line: int
    # Without the marks.
    text: str
    marks: list[Mark]
    # None if the block must be read line by line.
    table: ParsedColumns | None


def read_columns(source: Source, make_plan: MakePlan) -> Iterator[SentenceIds]:
    """Blocks of sentences; lines with the wrong number of columns are reported and skipped."""
    found = "no blank line between sentences"
    return unless_endless(source, _read(source, make_plan), found, "put an empty line after each sentence")


def _read(source: Source, make_plan: MakePlan) -> Iterator[SentenceIds]:
    sentences, origins = SentenceAssembler(source.path), ColumnOrigins()
    for plan, (first_line, text, marks, table) in ahead(_parse(source, make_plan)):
        if table is not None:
            rows = rows_at_once(table, first_line, text)
        else:
            rows = rows_one_by_one(plan, source, first_line, text, sentences.ended)
        rows = token_rows(plan, rows)
        document_M = origins.of_marks(marks, rows.line_M)
        sentences.add(*source.strings.ids(rows.columns), rows.line_M, rows.opens_M, document_M)
        if rows.ended:
            sentences.end_sentence()
        yield origins.complete(sentences.take())
    sentences.end_sentence()
    yield origins.complete(sentences.take())


def _parse(source: Source, make_plan: MakePlan) -> Iterator[tuple[ColumnPlan, _Block]]:
    """Blocks of lines as their plan says; none if there is no plan, which is reported."""
    first = source
    if source.from_beginning is not None:
        first = source.from_beginning()
        if source.file.piece is not None and not source.file.piece.begin:
            # What is said of the whole file is said once.
            first = first._replace(problems=source.problems)
    held: list[tuple[int, str]] = []
    num_lines = 0
    for first_line, text in first.blocks:
        held.append((first_line, text))
        num_lines += text.count("\n") + 1
        if num_lines >= 2 * SAMPLE_ROWS:
            break
    sample = sample_rows("\n".join(text for _, text in held), held[0][0] if held else 1)
    if not sample.rows:
        return
    try:
        plan = make_plan(sample, first)
    except WholeFileError as error:
        first.problems.error(source.path, str(error), "columns_not_clear")
        return
    except ValueError as error:
        first.refuse(sample.first_line, error, kind="columns_not_clear")
        return
    layout, marks = plan.layout, MarkFinder(plan.is_comment, plan.read_mark)
    for first_line, text in source.blocks if first is not source else itertools.chain(held, source.blocks):
        if first_line <= plan.header_line:
            text = _without_line(text, plan.header_line - first_line)
        text, found = marks.take(text, first_line)
        yield plan, _Block(first_line, text, found, parse_at_once(text, layout))


def _without_line(text: str, place: int) -> str:
    """The text with an empty line in this place, if it has so many lines."""
    lines = text.split("\n")
    lines[place : place + 1] = [""] * (place < len(lines))
    return "\n".join(lines)
