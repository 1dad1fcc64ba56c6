"""Where large files are cut, so that several workers read each: a quick first look, mostly without reading tokens.

A cut is where reading may begin anew: between sentences or, if the file has documents, between documents. In tables,
their reader says where that is, or the quotes do. Compressed files, archives and encodings other than those of single
bytes and UTF-8 stay whole.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, NamedTuple

from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.read_corpus import sure_starts
from data_prep.passes.quoted_rows import LINE, QuoteLook, Quotes, begin_inside, next_row
from data_prep.passes.sure_rows import sure_row
from data_prep.sources.compression import is_compressed
from data_prep.sources.source_files import CutAt, Piece, QuotedRows, SourceFile
from ner_dist.engines.executor import Advance, Executor

# A piece of less is not worth a task, and one of more is too much to begin anew.
MIN_BYTES, MAX_BYTES = 8 << 20, 256 << 20
# So that the last tasks of a stage keep all workers busy.
PIECES_A_WORKER = 4
_BLOCK_BYTES = 1 << 20
# What is seen of the next block, so that no mark is missed between two.
_OVERLAP_BYTES = 64

# At the end of a blank line; not before another one, nor before a byte-order mark amid the file.
_SENTENCE = re.compile(rb"\n\r?\n(?![\s\xef])")
_DOCUMENT = re.compile(rb"\n\r?\n(?:#end document\r?\n)?(?=-DOCSTART-|#[ \t]*(?:newdoc|begin document)\b)")
# Lines that may begin a document; and lines that name the document of each sentence, where no cut is certain.
_MARKS = (b"-DOCSTART-", b"newdoc", b"begin document")
# Case counts for the first character, so that it is soon found.
_NAMED_DOCUMENT = re.compile(rb"#[ \t]*(?i:doc(?:ument)?(?:[ _-]?(?:id|name))?)\s*=")


class CutFile(NamedTuple):
    """A file, and what its format and encoding say about cuts."""

    file: SourceFile
    # None: it stays whole.
    cut_at: CutAt | None
    encoding: str
    # The name of the format, and how it is read.
    format: str = ""
    options: ReadOptions = ReadOptions()


class _Span(NamedTuple):
    """Bytes of a file, before it is known where it may be cut."""

    one: CutFile
    begin: int
    end: int


class _Look(NamedTuple):
    """What is in a span."""

    num_lines: int
    has_marks: bool
    names_documents: bool
    # Of a table: where a row begins a sentence for certain, if there is one.
    row: _Cut | None
    # Of CSV: which quotes there are.
    quotes: Quotes


class _Cut(NamedTuple):
    place: int
    # That end between where it was looked for and the cut.
    num_lines: int


def piece_bytes(files: Sequence[SourceFile], num_workers: int) -> int:
    """How large pieces should be, so that all workers have enough to do."""
    total = sum(file.path.stat().st_size for file in files if file.path.is_file())
    return min(max(total // (PIECES_A_WORKER * num_workers), MIN_BYTES), MAX_BYTES)


def cut_files(files: Sequence[CutFile], executor: Executor, num_bytes: int) -> list[list[SourceFile]]:
    """The pieces of each file, in order, of at least so many bytes but for the last; a file that stays whole alone."""
    spans = [_spans(one, num_bytes) for one in files]
    looks = iter(executor.run("look", _look, [span for some in spans for span in some]))
    return [_pieces(one, some, [next(looks) for _ in some]) for one, some in zip(files, spans)]


def _spans(one: CutFile, num_bytes: int) -> list[_Span]:
    """None of a file that stays whole."""
    file = one.file
    if one.cut_at is None or file.member is not None or not file.path.is_file() or not _has_plain_lines(one.encoding):
        return []
    size = file.path.stat().st_size
    if size < 2 * num_bytes:
        return []
    with file.path.open("rb") as stored:
        beginning = stored.read(8)
    if is_compressed(beginning) or beginning.startswith(b"PK"):
        return []
    borders = [*range(0, size - num_bytes + 1, num_bytes), size]
    return [_Span(one, begin, end) for begin, end in zip(borders, borders[1:])]


def _has_plain_lines(encoding: str) -> bool:
    r"""Whether the bytes of \n and \r are lines' ends and nothing else."""
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return True
    every = bytes(range(256)).decode(encoding, "replace")
    return len(every) == 256 and every[:128].encode() == bytes(range(128))


def _look(span: _Span, advance: Advance) -> _Look:
    num_lines, has_marks, names_documents, cut_at = 0, False, False, span.one.cut_at
    with span.one.file.path.open("rb") as stored:
        quotes = _quote_look(stored, span.begin, cut_at) if isinstance(cut_at, QuotedRows) else None
        for block, ahead in _blocks(stored, span.begin, span.end):
            num_lines += _num_lines(block, ahead)
            if quotes is not None:
                quotes.add(block, ahead)
            if cut_at == "sentences":
                seen = block + ahead
                has_marks = has_marks or any(mark in seen for mark in _MARKS)
                names_documents = names_documents or _NAMED_DOCUMENT.search(seen) is not None
            advance(len(block))
        row = _sure_row(stored, span) if cut_at == "rows" else None
    return _Look(num_lines, has_marks, names_documents, row, quotes.found if quotes is not None else Quotes())


def _quote_look(stored: IO[bytes], begin: int, rows: QuotedRows) -> QuoteLook:
    stored.seek(max(begin - 1, 0))
    return QuoteLook(rows.delimiter, stored.read(min(begin, 1)))


def _sure_row(stored: IO[bytes], span: _Span) -> _Cut | None:
    one = span.one

    def starts(piece: Piece) -> Iterator[int]:
        return sure_starts(one.format, one.file._replace(piece=piece), one.options)

    place = sure_row(stored, span.begin, one.encoding, starts)
    return None if place is None else _cut(stored, span.begin, place)


def _blocks(stored: IO[bytes], begin: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Blocks, and a few bytes of what comes after each."""
    stored.seek(begin)
    block = stored.read(min(_BLOCK_BYTES, end - begin))
    while block:
        begin += len(block)
        coming = stored.read(max(min(_BLOCK_BYTES, end - begin), _OVERLAP_BYTES))
        yield block, coming[:_OVERLAP_BYTES]
        block = coming[: end - begin]


def _num_lines(block: bytes, ahead: bytes) -> int:
    r"""How many lines end: at \n, \r\n or \r."""
    num = block.count(b"\n")
    if b"\r" in block:
        num += block.count(b"\r") - block.count(b"\r\n") - (block[-1:] == b"\r" and ahead[:1] == b"\n")
    return num


def _pieces(one: CutFile, spans: list[_Span], looks: list[_Look]) -> list[SourceFile]:
    if not spans:
        return [one.file]
    begins, first_lines, num_lines = [0], [1], 1
    with one.file.path.open("rb") as stored:
        find = _finder(one, spans, looks, stored)
        for number, (span, look) in enumerate(zip(spans, looks)):
            # The cut before may lie beyond where this span begins.
            if find is not None and span.begin > begins[-1]:
                found = find(number)
                if found is not None:
                    begins.append(found.place)
                    first_lines.append(num_lines + found.num_lines)
                elif one.cut_at != "rows":
                    # Nor is there one after it.
                    find = None
            num_lines += look.num_lines
    if len(begins) == 1:
        return [one.file]
    ends = [*begins[1:], spans[-1].end]
    return [one.file._replace(piece=Piece(*piece, one.encoding)) for piece in zip(begins, ends, first_lines)]


def _finder(
    one: CutFile, spans: list[_Span], looks: list[_Look], stored: IO[bytes]
) -> Callable[[int], _Cut | None] | None:
    """What gives the first cut after the beginning of the span with this number; None if the file stays whole."""
    if one.cut_at == "rows":
        return lambda number: looks[number].row
    end = spans[-1].end
    if isinstance(one.cut_at, QuotedRows):
        are_inside = begin_inside([look.quotes for look in looks])
        return None if are_inside is None else lambda number: _next_row(stored, spans[number], end, are_inside[number])
    if any(look.names_documents for look in looks):
        return None
    has_documents = any(look.has_marks for look in looks)
    pattern = LINE if one.cut_at == "lines" else _DOCUMENT if has_documents else _SENTENCE
    return lambda number: _next_cut(stored, spans[number].begin, end, pattern)


def _next_row(stored: IO[bytes], span: _Span, end: int, is_inside: bool) -> _Cut | None:
    num_bytes = next_row(_blocks(stored, span.begin, end), is_inside)
    place = end if num_bytes is None else span.begin + num_bytes
    return _cut(stored, span.begin, place) if place < end else None


def _cut(stored: IO[bytes], begin: int, place: int) -> _Cut:
    """A cut that was looked for from `begin` on."""
    stored.seek(begin)
    return _Cut(place, _num_lines(stored.read(place - begin), b""))


def _next_cut(stored: IO[bytes], begin: int, end: int, pattern: re.Pattern[bytes]) -> _Cut | None:
    num_lines = 0
    for block, ahead in _blocks(stored, begin, end):
        found = pattern.search(block + ahead)
        # One across two blocks is passed over.
        if found is not None and found.end() <= len(block) and begin + found.end() < end:
            return _Cut(begin + found.end(), num_lines + _num_lines(block[: found.end()], b""))
        num_lines += _num_lines(block, ahead)
        begin += len(block)
    return None
