"""CoNLL columns: one token per line, a blank line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from data_prep.formats.block import SentenceAssembler, SentenceIds, TaggedSentences
from data_prep.formats.columns import ColumnBlock, ColumnLayout, ParsedColumns, code_rows, parse_columns
from data_prep.formats.corpus_format import Format, ReadOptions, Source, WriteOptions, report_separators
from data_prep.formats.tag_strings import is_well_formed, spell_tags
from data_prep.formats.text_source import split_lines
from data_prep.problems import Problems
from data_prep.threads import ahead

DOCUMENT_MARK = "-DOCSTART-"
DOCUMENT_LINE = re.compile(rf"^{DOCUMENT_MARK}.*$", re.MULTILINE)
# A possible comment, or more whitespace than one separator between two columns.
UNUSUAL = ("\n#", "\n ", "\n\t", "  ", " \n", " \r")


def recognise(lines: list[str], options: ReadOptions) -> bool:
    """Whether more than half of the lines have a tag in the tag column."""
    rows = [split_columns(line) for line in lines]
    return 2 * sum(len(row) >= 2 and _has_tag(row, options.tag_column) for row in rows) > len(lines)


def split_columns(line: str) -> list[str]:
    """The columns of a line: separated by tabs if it contains one, else by runs of spaces."""
    if "\t" in line:
        return line.split("\t")
    columns = line.split(" ")
    # Not str.split(): it would also split at no-break spaces and lose unusual tokens.
    return [column for column in columns if column] if "" in columns else columns


def _has_tag(columns: list[str], tag_column: int) -> bool:
    return -len(columns) <= tag_column < len(columns) and is_well_formed(columns[tag_column])


def _layout(num_columns: int, options: ReadOptions) -> ColumnLayout:
    """Token, tag and, if there is one, part of speech. Raises ValueError if a chosen column does not exist."""
    if num_columns < 2:
        raise ValueError("the line has 1 column, expected a token and a tag, separated by a tab or spaces")
    chosen = {"--token-column": options.token_column, "--tag-column": options.tag_column}
    if options.pos_column is not None and num_columns > 2:
        chosen["--pos-column"] = options.pos_column
    for option, column in chosen.items():
        if not -num_columns <= column < num_columns:
            raise ValueError(f"the line has {num_columns} columns, so {option} {column} does not exist")
    token, tag, *pos = (column % num_columns for column in chosen.values())
    if token == tag:
        raise ValueError(
            f"--token-column {options.token_column} and --tag-column {options.tag_column} are the same column"
        )
    return ColumnLayout(num_columns, [token, tag, *(column for column in pos if column not in (token, tag))])


def _is_blank(line: str) -> bool:
    return not line or line.startswith(DOCUMENT_MARK) or (line.isspace() and not line.strip(" \t\r"))


def _is_comment(line: str, columns: list[str], tag_column: int) -> bool:
    """Whether the first line of a sentence is a comment, and not the token '#' with its tag."""
    return line[0] == "#" and not _has_tag(columns, tag_column)


def _parse(source: Source) -> Iterator[ColumnBlock]:
    """Blocks from the first token on; none if its line lacks a chosen column, which is reported."""
    layout: ColumnLayout | None = None
    for first_line, text in source.blocks:
        for number, line in enumerate(split_lines(text) if layout is None else [], first_line):
            columns = split_columns(line)
            if not _is_blank(line) and not _is_comment(line, columns, source.options.tag_column):
                try:
                    layout = _layout(len(columns), source.options)
                except ValueError as error:
                    source.error(number, str(error))
                    return
                break
        if layout is not None:
            yield ColumnBlock(first_line, text, layout, _parse_at_once(text, layout))


def _parse_at_once(text: str, layout: ColumnLayout) -> ParsedColumns | None:
    """The rows of a block if all its lines have the same columns, separated by one tab or one space each."""
    if DOCUMENT_MARK in text:
        text = DOCUMENT_LINE.sub("", text)
    framed = f"\n{text}\n"
    if any(mark in framed for mark in UNUSUAL):
        return None
    return parse_columns(text, layout, "\t" if "\t" in text else " ", quoted=False)


def _add_one_by_one(sentences: SentenceAssembler, source: Source, block: ColumnBlock) -> None:
    """Lines with the wrong number of columns are reported and skipped."""
    num_columns, wanted = block.layout
    rows, numbers, opens, ended = [], [], [], sentences.ended
    for number, line in enumerate(split_lines(block.text), block.first_line):
        if _is_blank(line):
            ended = True
            continue
        columns = split_columns(line)
        if ended and _is_comment(line, columns, source.options.tag_column):
            continue
        if len(columns) != num_columns:
            found = f"{len(columns)} column{'s' if len(columns) != 1 else ''}"
            source.error(number, f"the line has {found}, the first one {num_columns}")
            continue
        rows.append(columns)
        numbers.append(number)
        opens.append(ended)
        ended = False
    ids = source.strings.ids(code_rows(rows, wanted))
    sentences.add(*ids, np.array(numbers, np.int64), np.array(opens, bool))
    if ended:
        sentences.end_sentence()


def read(source: Source) -> Iterator[SentenceIds]:
    sentences = SentenceAssembler(source.path)
    for block in ahead(_parse(source)):
        if block.table is not None:
            columns, place_M = block.table
            # A sentence begins after each gap in the line numbers.
            opens_M = place_M != np.append(-1, place_M)[:-1] + 1
            sentences.add(*source.strings.ids(columns), block.first_line + place_M, opens_M)
            if not len(place_M) or place_M[-1] < block.text.count("\n"):
                sentences.end_sentence()
        else:
            _add_one_by_one(sentences, source, block)
        yield sentences.take()
    sentences.end_sentence()
    yield sentences.take()


def _check_document_marks(block: TaggedSentences, problems: Problems) -> None:
    for i, length in enumerate(np.repeat(block.length_N, block.length_N)):
        if not block.text_M[i].startswith(DOCUMENT_MARK):
            continue
        what = f"token {block.text_M[i][:30]!r} begins with {DOCUMENT_MARK}"
        if length == 1 and not block.tag_M[i]:
            problems.warn("document_marks", block.where(i), f"{what}: readers skip such a line")
        else:
            problems.error(block.where(i), f"{what}, so readers would skip its line; write jsonl instead")


def write(block: TaggedSentences, num_before: int, options: WriteOptions, problems: Problems) -> str:
    """The columns token, part of speech if there is one, tag."""
    report_separators("\t\n\r", block, options.entity_types, problems)
    if DOCUMENT_MARK in "".join(block.text_M):
        _check_document_marks(block, problems)
    tag_M = spell_tags(block, options.entity_types, options.scheme)
    columns = [block.text_M, block.pos_M, tag_M] if block.pos_M else [block.text_M, tag_M]
    lines = list(map(("\t" if options.has_spaces else " ").join, zip(*columns)))
    text = "".join("\n".join(lines[place]) + "\n\n" for place in block.sentence_slices())
    # If the first token begins with a byte-order mark, readers would take it for the file's.
    return "\ufeff" + text if not num_before and text.startswith("\ufeff") else text


CONLL = Format(
    name="conll",
    description="one token per line, columns separated by tabs or spaces, a blank line after each sentence",
    default_encoding="utf-8",
    evidence="lines with a tag in the column --tag-column",
    recognise=recognise,
    read=read,
    write=write,
)
