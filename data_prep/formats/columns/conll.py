"""CoNLL columns: one token per line, a blank line after each sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from data_prep.formats.columns.conllu import NUMBER, is_no_word
from data_prep.formats.columns.csv_header import chosen_columns
from data_prep.formats.columns.find_columns import find_columns
from data_prep.formats.columns.judge_column import ColumnSample, looks_like_tags, only_counts_up
from data_prep.formats.columns.names import Choice, is_header, with_header
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
    choice, named = choice_of(options), _named_columns(rows, options)
    if named is not None:
        choice, rows, opens = named, rows[1:], opens[1:]
    rows, opens = numbered_words(rows, opens) or (rows, opens)
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


def _named_columns(rows: list[list[str]], options: ReadOptions) -> Choice | None:
    """The choice of columns if the first row is a header, by names known here or by --columns; else None."""
    if len(rows) < 2:
        return None
    header, choice, named = rows[0], choice_of(options), chosen_columns(options)
    if {"token", "tag"} <= named.keys() and {named["token"], named["tag"]} <= set(header):
        choice = choice._replace(token=header.index(named["token"]), tag=header.index(named["tag"]))
    elif not is_header(header):
        return None
    return with_header(choice, header)


def numbered_words(rows: list[list[str]], opens: list[bool]) -> tuple[list[list[str]], list[bool]] | None:
    """The rows of words, if numbers as in CoNLL-U come first: without those of multiword tokens, 1-2, and empty nodes.

    None if other things come first.
    """
    if not all(NUMBER.fullmatch(row[0]) for row in rows):
        return None
    words: list[list[str]] = []
    word_opens: list[bool] = []
    opened = False
    for row, first in zip(rows, opens):
        opened = opened or first
        if not is_no_word(row[0]):
            words.append(row)
            word_opens.append(opened)
            opened = False
    column = ColumnSample([row[0] for row in words], word_opens)
    return (words, word_opens) if 2 * len(words) > len(rows) and only_counts_up(column) else None


def plan_columns(sample: RowSample, source: Source) -> ColumnPlan:
    """The columns as chosen, as in the header, as in the files before or as found out. Raises ValueError."""
    choice, (rows, opens, _) = choice_of(source.options), sample
    header_line, named = 0, _named_columns(rows, source.options)
    if named is not None:
        header_line = sample.first_line
        choice, rows, opens = named, rows[1:], [True, *opens[2:]]
    numbered = numbered_words(rows, opens)
    rows, opens = numbered or (rows, opens)
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
        skip=(0, is_no_word) if numbered and 0 not in (found.token, found.tag) else None,
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
    cut_at=lambda sample: "sentences",
)
