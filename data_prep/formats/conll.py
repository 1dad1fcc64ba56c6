"""Reader of CoNLL columns: one token a line, blank lines between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.formats.block import Block, OpenBlock, Rows, TextBlocks
from data_prep.formats.columns import Table, parse
from data_prep.formats.numbering import Strings
from data_prep.formats.tag_strings import is_well_formed
from data_prep.formats.text_source import split_lines
from data_prep.problems import Problems
from data_prep.threads import ahead

DOCUMENT_MARK = "-DOCSTART-"
DOCUMENT_LINE = re.compile(rf"^{DOCUMENT_MARK}.*$", re.MULTILINE)
# Perhaps a comment, and spaces other than one between two columns.
UNUSUAL = ("\n#", "\n ", "\n\t", "  ", " \n", " \r")


class Layout(NamedTuple):
    """Which of a file's columns hold what."""

    num_columns: int
    token: int
    tag: int
    # None if the file has no parts of speech.
    pos: int | None


def split_columns(line: str) -> list[str]:
    """Columns of a line, parted by tabs if it has one, else by runs of spaces."""
    if "\t" in line:
        return line.split("\t")
    columns = line.split(" ")
    # Not str.split(): that would also part at no-break spaces and swallow odd tokens.
    return [column for column in columns if column] if "" in columns else columns


def make_layout(num_columns: int, token_column: int, pos_column: int | None, tag_column: int) -> Layout:
    """The layout of a file of `num_columns`. Raises ValueError if a wanted column does not exist."""
    if num_columns < 2:
        raise ValueError("the line has 1 column, expected a token and a tag, parted by tab or spaces")

    def position(column: int, name: str) -> int:
        if not -num_columns <= column < num_columns:
            raise ValueError(f"the line has {num_columns} columns, so {name} {column} does not exist")
        return column % num_columns

    token, tag = position(token_column, "--token-column"), position(tag_column, "--tag-column")
    if token == tag:
        raise ValueError(f"--token-column {token_column} and --tag-column {tag_column} are the same column")
    pos = None if pos_column is None or num_columns == 2 else position(pos_column, "--pos-column")
    return Layout(num_columns, token, tag, None if pos in (token, tag) else pos)


def _is_comment(columns: list[str], tag_column: int) -> bool:
    """Whether a line that opens a sentence with # is a comment and not the token '#'."""
    return not -len(columns) <= tag_column < len(columns) or not is_well_formed(columns[tag_column])


def _is_blank(line: str) -> bool:
    return not line or line.startswith(DOCUMENT_MARK) or (line.isspace() and not line.strip(" \t\r"))


class Columns(NamedTuple):
    """Which columns the user asks for, counted from either end."""

    token: int
    pos: int | None
    tag: int


def _first_row(text: str, tag_column: int) -> tuple[int, list[str]] | None:
    """Place among the lines, and columns, of the first line that holds a token."""
    for place, line in enumerate(split_lines(text)):
        if not _is_blank(line):
            columns = split_columns(line)
            if line[0] != "#" or not _is_comment(columns, tag_column):
                return place, columns
    return None


class _Parsed(NamedTuple):
    """A block of text, and its table if it could be had at once."""

    first: int
    text: str
    layout: Layout
    table: Table | None


def _parse(blocks: TextBlocks, path: Path, problems: Problems, wanted: Columns) -> Iterator[_Parsed]:
    """Blocks from the first row on; none if its columns are not as wanted, which is reported."""
    layout: Layout | None = None
    for first, text in blocks:
        if layout is None:
            row = _first_row(text, wanted.tag)
            if row is None:
                continue
            place, columns = row
            try:
                layout = make_layout(len(columns), *wanted)
            except ValueError as error:
                problems.error(f"{path}:{first + place}", str(error))
                return
        yield _Parsed(first, text, layout, _table(text, layout))


def _table(text: str, layout: Layout) -> Table | None:
    """The rows of a block if all its lines have the same columns, parted by one tab or space each."""
    if DOCUMENT_MARK in text:
        text = DOCUMENT_LINE.sub("", text)
    framed = f"\n{text}\n"
    if any(mark in framed for mark in UNUSUAL):
        return None
    wanted = [column for column in layout[1:] if column is not None]
    return parse(text, layout.num_columns, wanted, "\t" if "\t" in text else " ", quoted=False)


def _add_at_once(open_block: OpenBlock, strings: Strings, first: int, table: Table) -> None:
    """Add the rows of a block."""
    place_M = table.line_M
    # A sentence begins after each empty line.
    opens_M = place_M != np.append(-1, place_M)[:-1] + 1
    token_M, tag_M, *pos = (numbering.coded(*column) for numbering, column in zip(strings, table.columns))
    open_block.add(Rows(token_M, tag_M, pos[0] if pos else place_M[:0], first + place_M, opens_M))
    if not len(place_M) or place_M[-1] + 1 < table.num_lines:
        open_block.end_sentence()


def _add_one_by_one(
    open_block: OpenBlock, strings: Strings, first: int, text: str, layout: Layout, tag_column: int, problems: Problems
) -> None:
    """Add the rows of a block; lines of the wrong number of columns are reported and left out."""
    rows, numbers, opens, ended = [], [], [], open_block.ended
    for number, line in enumerate(split_lines(text), first):
        if _is_blank(line):
            ended = True
            continue
        columns = split_columns(line)
        if line[0] == "#" and ended and _is_comment(columns, tag_column):
            continue
        if len(columns) != layout.num_columns:
            found = f"{len(columns)} column{'s' if len(columns) != 1 else ''}"
            problems.error(f"{open_block.path}:{number}", f"the line has {found}, the first one {layout.num_columns}")
            continue
        rows.append(columns)
        numbers.append(number)
        opens.append(ended)
        ended = False
    token_M, tag_M, pos_M = (
        numbering.numbers([] if column is None else [row[column] for row in rows])
        for numbering, column in zip(strings, layout[1:])
    )
    open_block.add(Rows(token_M, tag_M, pos_M, np.array(numbers, np.int64), np.array(opens, bool)))
    if ended:
        open_block.end_sentence()


def read_conll(
    blocks: TextBlocks, path: Path, problems: Problems, strings: Strings, wanted: Columns
) -> Iterator[Block]:
    """Blocks of sentences; lines of the wrong number of columns are reported and left out."""
    open_block = OpenBlock(path)
    for first, text, layout, table in ahead(_parse(blocks, path, problems, wanted)):
        if table is not None:
            _add_at_once(open_block, strings, first, table)
        else:
            _add_one_by_one(open_block, strings, first, text, layout, wanted.tag, problems)
        yield open_block.take()
    open_block.end_sentence()
    yield open_block.take()
