"""CoNLL columns: one token per line, a blank line after each sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from data_prep.formats.columns.find_columns import find_columns
from data_prep.formats.columns.judge_column import ColumnSample, looks_like_tags
from data_prep.formats.columns.names import is_header, with_header
from data_prep.formats.columns.plan import (
    SAMPLE_CHARS,
    ColumnPlan,
    RowSample,
    choice_of,
    fix_features,
    named_tags,
    sample_rows,
)
from data_prep.formats.columns.read_columns import read_columns
from data_prep.formats.corpus_format import Format, ReadOptions, Sample, Source
from data_prep.sentences.block import SentenceIds
from data_prep.tags.tag_strings import parse_tag


def recognise(sample: Sample, options: ReadOptions) -> str | None:
    """Whether a column of the lines is made of tags."""
    rows, opens, _ = sample_rows(sample.text[:SAMPLE_CHARS])
    if not rows:
        return None
    choice = choice_of(options)
    if is_header(rows[0]) and len(rows) > 1:
        choice, rows, opens = with_header(choice, rows[0]), rows[1:], opens[1:]
    try:
        found = find_columns(rows, opens, choice)
        num_columns, token, tag = found.num_columns, f"the token in column {found.token}, ", found.tag
    except ValueError:
        # Which column is the token will be asked by the reader.
        num_columns, token, tag = len(rows[0]), "", -1 if options.tag_column is None else options.tag_column
    even = [row for row in rows if len(row) == num_columns]
    if 2 * len(even) < len(rows) or num_columns < 2 or not -num_columns <= tag < num_columns:
        return None
    column = ColumnSample([row[tag] for row in even], [True] * len(even))
    if not looks_like_tags(column, choice.tag_names):
        return None
    return f"lines of {num_columns} columns, {token}tags in column {tag % num_columns}"


def plan_columns(sample: RowSample, source: Source) -> ColumnPlan:
    """The columns as chosen, as in the header, as in the files before or as found out. Raises ValueError."""
    choice, (rows, opens, _) = choice_of(source.options), sample
    header_line = 0
    if is_header(rows[0]) and len(rows) > 1:
        header_line = sample.first_line
        choice, rows, opens = with_header(choice, rows[0]), rows[1:], [True, *opens[2:]]
    num_columns = Counter(map(len, rows)).most_common(1)[0][0]
    known = source.strings.features.columns
    found = find_columns(rows, opens, choice, known.get(num_columns, {}))
    for name, what in found.warnings:
        source.problems.warn(name, source.path, what)
    features = fix_features(source, found.features, auto=choice.pos == "auto" and not choice.features)
    known.setdefault(num_columns, {"token": found.token, "tag": found.tag, **features})
    return ColumnPlan(
        num_columns,
        found.token,
        found.tag,
        features,
        header_line,
        tag_of=named_tags(choice.tag_names) if choice.tag_names else str,
        is_tag=lambda field: field in found.tags or parse_tag(field).kind in ("outside", "letters"),
    )


def read(source: Source) -> Iterator[SentenceIds]:
    return read_columns(source, plan_columns)


CONLL = Format(
    name="conll",
    description="one token per line, columns separated by tabs or spaces, a blank line after each sentence",
    default_encoding="utf-8",
    evidence="lines of columns of which one is made of tags (--tag-column)",
    recognise=recognise,
    read=read,
)
