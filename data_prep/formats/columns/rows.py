"""The rows of a block of lines: parsed at once where possible, and without those that are no tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_prep.dirt.policies import FAIL, advice
from data_prep.formats.columns.parse_columns import ColumnLayout, ParsedColumns, code_rows, parse_columns
from data_prep.formats.columns.plan import ColumnPlan, split_columns
from data_prep.formats.corpus_format import Source
from data_prep.problems import Complaint
from data_prep.sources.text_source import split_lines
from ner_dist.contract.column_marks import is_blank
from ner_dist.contract.visible_text import shown

# More whitespace than one separator between two columns.
UNUSUAL = ("\n ", "\n\t")
UNUSUAL_SPACES = (*UNUSUAL, "  ", " \n", " \r")


class Rows(NamedTuple):
    """M rows of a block."""

    # Token, tag, features.
    columns: list[pa.DictionaryArray]
    line_M: np.ndarray
    # Whether each opens a sentence; and whether the last one ends one.
    opens_M: np.ndarray
    ended: bool


def parse_at_once(text: str, layout: ColumnLayout) -> ParsedColumns | None:
    """The rows of a block if all its lines have the same columns, separated by one tab or one space each."""
    framed = f"\n{text}\n"
    has_tabs = "\t" in text
    if any(mark in framed for mark in (UNUSUAL if has_tabs else UNUSUAL_SPACES)):
        return None
    return parse_columns(text, layout, "\t" if has_tabs else " ", quoted=False)


def rows_at_once(table: ParsedColumns, first_line: int, text: str) -> Rows:
    """The rows that `parse_at_once` found in a text."""
    columns, place_M = table
    # A sentence begins after each gap in the line numbers.
    opens_M = place_M != np.append(-1, place_M)[:-1] + 1
    ended = not len(place_M) or bool(place_M[-1] < text.count("\n"))
    return Rows(columns, first_line + place_M, opens_M, ended)


def rows_one_by_one(plan: ColumnPlan, source: Source, first_line: int, text: str, ended: bool) -> Rows:
    """Lines with the wrong number of columns are reported and skipped. ended: whether a sentence begins first."""
    rows, numbers, opens = [], [], []
    for number, line in enumerate(split_lines(text), first_line):
        if is_blank(line):
            ended = True
            continue
        row = split_columns(line)
        if len(row) != plan.num_columns and not _mend_row(plan, source, number, line, row):
            continue
        rows.append(row)
        numbers.append(number)
        opens.append(ended)
        ended = False
    return Rows(code_rows(rows, plan.layout.wanted), np.array(numbers, np.int64), np.array(opens, bool), ended)


def _mend_row(plan: ColumnPlan, source: Source, number: int, line: str, row: list[str]) -> bool:
    """Drop separators too many at the end of a row if the policy allows; whether it is right then."""
    if source.is_invisible(number, line):
        return False
    found = f"{len(row)} column{'s' if len(row) != 1 else ''}"
    what = f"the line has {found}, expected {plan.num_columns} as in most lines: {shown(line[:80])}"
    return drop_separators(source, number, row, plan.num_columns, what, line)


def drop_separators(source: Source, number: int, row: list[str], num_columns: int, what: str, line: str) -> bool:
    """Whether a row with the wrong number of fields is right after all, since only empty ones at its end are too many
    and may be dropped; otherwise it is reported."""
    num_extra = len(row) - num_columns
    if num_extra < 0 or any(row[num_columns:]):
        source.error(number, what, "wrong_number_of_columns")
        return False
    what = f"{what}, which ends in {num_extra} separator{'s' if num_extra > 1 else ''} too many"
    line = line.rstrip("\r\n")
    ends_so = len(set(line[-num_extra:])) == 1
    suggestion = {"action": "set_line", "line": line[:-num_extra]} if ends_so else None
    if source.options.policies.on_extra_separator == FAIL:
        source.error(number, f"{what}; {advice('extra_separator')}", "extra_separator", "", suggestion)
        return False
    source.warn(number, Complaint("extra_separators_dropped", what, suggestion))
    del row[num_columns:]
    return True


def token_rows(plan: ColumnPlan, rows: Rows) -> Rows:
    """The rows with tags, without those that are no tokens."""
    columns = with_tags(plan.tag_of, rows.columns[: 2 + len(plan.features)])
    if plan.skip is None:
        return rows._replace(columns=columns)
    return without(rows._replace(columns=columns), rows_with(rows.columns[-1], plan.skip[1]))


def without(rows: Rows, dropped_M: np.ndarray) -> Rows:
    """The other rows. One of them opens a sentence if a sentence began at it or at a dropped row before it."""
    if not dropped_M.any():
        return rows
    kept = np.flatnonzero(~dropped_M)
    sentence_M = np.cumsum(rows.opens_M)
    kept_M = sentence_M[kept]
    opens_M = kept_M > np.append(0, kept_M)[:-1]
    ended = rows.ended or bool(sentence_M[-1] > (kept_M[-1] if len(kept) else 0))
    return Rows([column.take(pa.array(kept)) for column in rows.columns], rows.line_M[kept], opens_M, ended)


def rows_with(column: pa.DictionaryArray, has: Callable[[str], bool]) -> np.ndarray:
    """Whether each of M rows has such a field: bool (M,)."""
    texts = column.dictionary.to_pylist()
    if not texts:
        return np.zeros(len(column), bool)
    return np.array([has(text) for text in texts], bool)[column.indices.to_numpy()]


def with_tags(tag_of: Callable[[str], str], columns: list[pa.DictionaryArray]) -> list[pa.DictionaryArray]:
    """Token, tag and features, with tags in place of the fields of the tag column."""
    if tag_of is str:
        return columns
    token, tag, *features = columns
    tags = pa.array([tag_of(field) for field in tag.dictionary.to_pylist()], pa.string())
    return [token, pa.DictionaryArray.from_arrays(tag.indices, tags), *features]
