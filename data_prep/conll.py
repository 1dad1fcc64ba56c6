"""Reader of CoNLL columns: one token a line, blank lines between sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_prep.block import Block, LineBlocks, OpenBlock
from data_prep.problems import Problems
from data_prep.tags import is_well_formed

DOCUMENT_MARK = "-DOCSTART-"


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


def read_conll(
    blocks: LineBlocks, path: Path, problems: Problems, token_column: int, pos_column: int | None, tag_column: int
) -> Iterator[Block]:
    """Blocks of sentences; lines of the wrong number of columns are reported and left out."""
    layout: Layout | None = None
    rows = OpenBlock(path)
    for first, lines in blocks:
        for number, line in enumerate(lines, first):
            if not line or line.startswith(DOCUMENT_MARK) or (line.isspace() and not line.strip(" \t\r")):
                rows.end_sentence()
                continue
            columns = split_columns(line)
            if line[0] == "#" and len(rows.token) == rows.starts[-1] and _is_comment(columns, tag_column):
                continue
            if layout is None:
                try:
                    layout = make_layout(len(columns), token_column, pos_column, tag_column)
                except ValueError as error:
                    problems.error(f"{path}:{number}", str(error))
                    return
            if len(columns) != layout.num_columns:
                found = f"{len(columns)} column{'s' if len(columns) != 1 else ''}"
                problems.error(f"{path}:{number}", f"the line has {found}, the first one {layout.num_columns}")
                continue
            rows.token.append(columns[layout.token])
            rows.tag.append(columns[layout.tag])
            if layout.pos is not None:
                rows.pos.append(columns[layout.pos])
            rows.line.append(number)
        yield rows.take()
    rows.end_sentence()
    yield rows.take()
